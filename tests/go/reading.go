// Says what Go's standard library reads in files, as the Mattermost server and its marketplace do.
//
//	reading -bundle        what the server installs: its id, its version, its executables
//	reading -config        what the server takes from a config.json about plugins
//	reading -marketplace   what the marketplace serves as the first entry of a plugins.json
//	reading -make          bundles made by archive/tar: the format's name for a bundle in hexadecimal
//
// Files are on standard input, each behind its length in four octets, big-endian. There is a line
// for each on standard output: what was read as JSON, or "REFUSE <message>".
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

type setting struct {
	Key                string `json:"key"`
	DisplayName        string `json:"display_name"`
	Type               string `json:"type"`
	HelpText           string `json:"help_text"`
	RegenerateHelpText string `json:"regenerate_help_text,omitempty"`
	Placeholder        string `json:"placeholder"`
	Default            any    `json:"default"`
	Options            []*struct {
		DisplayName string `json:"display_name"`
		Value       string `json:"value"`
	} `json:"options"`
	Hosting string `json:"hosting"`
	Secret  bool   `json:"secret"`
}

// server/public/model/manifest.go
type manifest struct {
	Id               string `json:"id"`
	Name             string `json:"name,omitempty"`
	Description      string `json:"description,omitempty"`
	HomepageURL      string `json:"homepage_url,omitempty"`
	SupportURL       string `json:"support_url,omitempty"`
	ReleaseNotesURL  string `json:"release_notes_url,omitempty"`
	IconPath         string `json:"icon_path,omitempty"`
	Version          string `json:"version"`
	MinServerVersion string `json:"min_server_version,omitempty"`
	Server           *struct {
		Executables map[string]string `json:"executables,omitempty"`
		Executable  string            `json:"executable"`
	} `json:"server,omitempty"`
	Webapp *struct {
		BundlePath string `json:"bundle_path"`
	} `json:"webapp,omitempty"`
	SettingsSchema *struct {
		Header   string     `json:"header"`
		Footer   string     `json:"footer"`
		Settings []*setting `json:"settings"`
		Sections []*struct {
			Key      string     `json:"key"`
			Title    string     `json:"title"`
			Subtitle string     `json:"subtitle"`
			Settings []*setting `json:"settings"`
			Header   string     `json:"header"`
			Footer   string     `json:"footer"`
			Custom   bool       `json:"custom"`
			Fallback bool       `json:"fallback"`
		} `json:"sections"`
	} `json:"settings_schema,omitempty"`
	Props map[string]any `json:"props,omitempty"`
}

// IsValidPluginId
var validId = regexp.MustCompile(`^[A-Za-z0-9-_.]{3,190}$`)

// extractTarGz, extractPlugin, FindManifest
func bundle(file []byte) (any, error) {
	folder, err := os.MkdirTemp("", "plugsign")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	unzipped, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		path := filepath.Join(folder, header.Name)
		if !strings.HasPrefix(path, folder) {
			return nil, errors.New("failed to sanitize path")
		}
		switch header.Typeflag {
		case tar.TypeDir:
			if err := os.Mkdir(path, 0744); err != nil && !os.IsExist(err) {
				return nil, err
			}
		case tar.TypeReg:
			if err := os.MkdirAll(filepath.Dir(path), 0744); err != nil {
				return nil, err
			}
			mode := os.FileMode(header.Mode)
			out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, mode)
			if err != nil {
				return nil, err
			}
			_, err = io.Copy(out, archive)
			out.Close()
			if err != nil {
				return nil, err
			}
		}
	}
	root := folder
	if entries, _ := os.ReadDir(folder); len(entries) == 1 && entries[0].IsDir() {
		root = filepath.Join(folder, entries[0].Name())
	}
	for _, name := range []string{"plugin.yml", "plugin.yaml"} {
		if text, err := os.ReadFile(filepath.Join(root, name)); err == nil {
			return nil, fmt.Errorf("this program reads no YAML: %q", text)
		} else if !os.IsNotExist(err) {
			return nil, err
		}
	}
	in, err := os.Open(filepath.Join(root, "plugin.json"))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var read manifest
	if err := json.NewDecoder(in).Decode(&read); err != nil {
		return nil, err
	}
	if !validId.MatchString(read.Id) {
		return nil, errors.New("invalid plugin id")
	}
	said := map[string]any{"id": strings.ToLower(read.Id), "version": read.Version}
	if read.Server != nil {
		said["server"] = read.Server
	}
	return said, nil
}

// server/public/model/config.go
func config(file []byte) (any, error) {
	var read struct {
		PluginSettings struct {
			Enable, RequirePluginSignature, EnableUploads *bool
			EnableMarketplace, EnableRemoteMarketplace    *bool
			AutomaticPrepackagedPlugins                   *bool
			MarketplaceURL                                *string
			SignaturePublicKeyFiles                       []string
		}
		FileSettings struct{ MaxFileSize *int64 }
		SamlSettings struct {
			IdpCertificateFile, PublicCertificateFile, PrivateKeyFile *string
		}
		FeatureFlags *struct {
			EnableMFIPluginSignaturePublicKey, EnableCustomPluginSignatureKeys bool
		}
	}
	if err := json.Unmarshal(file, &read); err != nil {
		return nil, err
	}
	settings := read.PluginSettings
	files := append([]string{}, settings.SignaturePublicKeyFiles...)
	is := func(setting *bool) bool { return setting != nil && *setting }
	return map[string]any{
		"files":   files,
		"require": is(settings.RequirePluginSignature),
		"uploads": is(settings.EnableUploads),
	}, nil
}

// mattermost-marketplace, internal/model/plugin.go
func marketplace(file []byte) (any, error) {
	type download struct {
		DownloadURL string `json:"download_url,omitempty"`
		Signature   string `json:"signature,omitempty"`
	}
	var read []*struct {
		HomepageURL     string `json:"homepage_url"`
		IconData        string `json:"icon_data"`
		DownloadURL     string `json:"download_url"`
		ReleaseNotesURL string `json:"release_notes_url"`
		Labels          []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			URL         string `json:"url"`
			Color       string `json:"color"`
		} `json:"labels,omitempty"`
		Hosting      string    `json:"hosting"`
		AuthorType   string    `json:"author_type"`
		ReleaseStage string    `json:"release_stage"`
		Enterprise   bool      `json:"enterprise"`
		Signature    string    `json:"signature"`
		RepoName     string    `json:"repo_name"`
		Manifest     *manifest `json:"manifest"`
		Platforms    struct {
			LinuxAmd64   download `json:"linux-amd64,omitempty"`
			LinuxArm64   download `json:"linux-arm64,omitempty"`
			DarwinAmd64  download `json:"darwin-amd64,omitempty"`
			DarwinArm64  download `json:"darwin-arm64,omitempty"`
			WindowsAmd64 download `json:"windows-amd64,omitempty"`
		} `json:"platforms"`
		UpdatedAt time.Time `json:"updated_at"`
	}
	if err := json.Unmarshal(file, &read); err != nil {
		return nil, err
	}
	entry := read[0]
	return map[string]any{
		"id":        entry.Manifest.Id,
		"version":   entry.Manifest.Version,
		"url":       entry.DownloadURL,
		"signature": entry.Signature,
		"linux":     entry.Platforms.LinuxAmd64.DownloadURL,
	}, nil
}

// A plugin with a long name in it that is not ASCII.
func made(format []byte) (any, error) {
	formats := map[string]tar.Format{"ustar": tar.FormatUSTAR, "pax": tar.FormatPAX, "gnu": tar.FormatGNU}
	var file bytes.Buffer
	zipped := gzip.NewWriter(&file)
	archive := tar.NewWriter(zipped)
	add := func(name, contents string) error {
		header := tar.Header{Name: name, Mode: 0755, Size: int64(len(contents)), Format: formats[string(format)]}
		header.ModTime = time.Unix(1700000000, 0)
		if header.Format != tar.FormatUSTAR {
			header.ModTime = time.Unix(1700000000, 123456789)
			header.AccessTime, header.ChangeTime = header.ModTime, header.ModTime
		}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
		_, err := io.WriteString(archive, contents)
		return err
	}
	plugin := `{"id":"com.example.good","version":"1.0.0","name":"Good","server":{"executable":"exe"}}`
	names := []string{"p/plugin.json", "p/exe"}
	if string(format) != "ustar" {
		names = append(names, "p/"+strings.Repeat("é", 120))
	}
	for _, name := range names {
		if err := add(name, plugin); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return hex.EncodeToString(file.Bytes()), nil
}

func main() {
	what := map[string]func([]byte) (any, error){
		"-bundle": bundle, "-config": config, "-marketplace": marketplace, "-make": made,
	}
	read, out := what[os.Args[1]], bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in := bufio.NewReader(os.Stdin); ; {
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err == io.EOF {
			return
		}
		file := make([]byte, length)
		if _, err := io.ReadFull(in, file); err != nil {
			panic(err)
		}
		said, err := read(file)
		if err != nil {
			fmt.Fprintln(out, "REFUSE", strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\n", " "), "?"))
			continue
		}
		text, err := json.Marshal(said)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(out, "%s\n", text)
	}
}
