// Says what golang.org/x/crypto/openpgp says, as the Mattermost server uses it.
//
//	verdict KEY SIGNATURE FILE   one line, "ACCEPT <key ID>" or "REFUSE <message>"; exit 0 or 1
//	verdict -batch               triples on standard input, a line for each on standard output
//
// A triple is the key file, the signature file and the data, each behind its length in four
// octets, big-endian. A panic of the library is answered with "PANIC <message>".
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"

	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"

	"golang.org/x/crypto/openpgp"
	"golang.org/x/crypto/openpgp/armor"
)

func open(file []byte) io.Reader {
	block, err := armor.Decode(bytes.NewReader(file))
	if err != nil {
		return bytes.NewReader(file)
	}
	return block.Body
}

func verdict(key, signature, data []byte) (answer string) {
	defer func() {
		if p := recover(); p != nil {
			answer = "PANIC " + line(fmt.Sprint(p))
		}
	}()
	ring, err := openpgp.ReadKeyRing(open(key))
	if err != nil {
		return "REFUSE can't read public key: " + line(err.Error())
	}
	signer, err := openpgp.CheckDetachedSignature(ring, bytes.NewReader(data), open(signature))
	if err != nil {
		return "REFUSE error while checking the signature: " + line(err.Error())
	}
	return fmt.Sprintf("ACCEPT %016X", signer.PrimaryKey.KeyId)
}

func line(message string) string {
	return strings.ReplaceAll(message, "\n", " ")
}

func batch() error {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	for {
		var files [3][]byte
		for i := range files {
			var length uint32
			err := binary.Read(in, binary.BigEndian, &length)
			if err == io.EOF && i == 0 {
				return out.Flush()
			}
			if err != nil {
				return err
			}
			files[i] = make([]byte, length)
			if _, err := io.ReadFull(in, files[i]); err != nil {
				return err
			}
		}
		fmt.Fprintln(out, verdict(files[0], files[1], files[2]))
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-batch" {
		if err := batch(); err != nil {
			fmt.Fprintln(os.Stderr, "verdict:", err)
			os.Exit(2)
		}
		return
	}
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: verdict KEY SIGNATURE FILE | verdict -batch")
		os.Exit(2)
	}
	var files [3][]byte
	for i := range files {
		var err error
		if files[i], err = os.ReadFile(os.Args[i+1]); err != nil {
			fmt.Fprintln(os.Stderr, "verdict:", err)
			os.Exit(2)
		}
	}
	answer := verdict(files[0], files[1], files[2])
	fmt.Println(answer)
	if !strings.HasPrefix(answer, "ACCEPT ") {
		os.Exit(1)
	}
}
