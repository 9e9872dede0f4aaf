"""Runs python-gnupg's own tests with RSA keys in the place of its DSA, ElGamal, elliptic and
short RSA ones: the keys that it makes, and those that stand in it as text.

python3 python_suite.py TEST_GNUPG.PY KEYS GPG BITS PART PARTS prints a line a test: its name and what
came of it. KEYS is a folder with the keys that python_suite.rs makes. Of so many parts of the tests it
runs one, in a folder of its own.
"""
import os
import re
import sys
import unittest

source, keys, program, bits = sys.argv[1:5]
part, parts = int(sys.argv[5]), int(sys.argv[6])


def read(name):
    with open(os.path.join(keys, name), encoding='ascii') as file:
        return file.read()


def swap(text, old, new, times):
    """Replaces what must be there as often as that: a newer version is to be looked at."""
    if text.count(old) != times:
        sys.exit('%r stands %d times in %s' % (old, text.count(old), source))
    return text.replace(old, new)


with open(source, encoding='utf-8') as file:
    text = file.read()

# What it makes.
text = swap(text, "'Key-Type': 'DSA',\n            'Key-Length': 1024,",
            "'Key-Type': 'RSA',\n            'Key-Length': %s,\n"
            "            'Key-Usage': 'sign,cert'," % bits, 1)
text = swap(text, "params['Subkey-Type'] = 'ELG-E'\n            params['Subkey-Length'] = 2048",
            "params['Subkey-Type'] = 'RSA'\n            params['Subkey-Length'] = %s\n"
            "            params['Subkey-Usage'] = 'encrypt'" % bits, 1)
text = swap(text, "algorithm='dsa'", "algorithm='rsa%s'" % bits, 4)
text = swap(text, "algorithm='rsa'", "algorithm='rsa%s'" % bits, 1)

# What stands in it.
for name in ('KEYS_TO_IMPORT', 'SIGNED_KEYS', 'SECRET_KEY', 'CERTIFYING_KEY', 'RECIPIENT_KEY'):
    new = '%s = %r' % (name, read(name))
    text, count = re.subn('^%s = """.*?"""$' % name, lambda _: new, text, flags=re.M | re.S)
    if count != 1:
        sys.exit('no %s in %s' % (name, source))
signed, signer, secret = read('ids').split()
text = swap(text, "'18897CA2'", repr(signed), 2)
text = swap(text, 'BC6F350FB3D04076', signed, 2)
text = swap(text, '057CCF658C074FDA', signer, 1)
text = swap(text, 'D2209820', secret, 1)

# A key that is made keeps to one core: the other parts have work for the others.
if hasattr(os, 'sched_setaffinity'):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[part % len(cores)]})

os.environ['GPGBINARY'] = program
# Its tests of key servers ask the world otherwise.
os.environ['NO_EXTERNAL_TESTS'] = '1'
sys.path.insert(0, os.path.dirname(os.path.abspath(source)))

# Its default is 2048 bits.
import gnupg

make = gnupg.GPG.gen_key_input


def gen_key_input(self, **options):
    names = {name.lower().replace('-', '_') for name in options}
    if not names & {'key_length', 'key_curve'}:
        options['key_length'] = bits
    return make(self, **options)


gnupg.GPG.gen_key_input = gen_key_input

os.mkdir('part%d' % part)
os.chdir('part%d' % part)
with open('test_rsa.py', 'w', encoding='utf-8') as file:
    file.write(text)
sys.path.insert(0, os.getcwd())
import test_rsa

# gpg's agent would try out how often it can hash in a tenth of a second, and hash as often.
test_rsa.AGENT_CONFIG += '\ns2k-count 65536\n'


class Result(unittest.TestResult):

    def say(self, test, what):
        print(test.id().rsplit('.', 1)[-1], what, flush=True)

    def addSuccess(self, test):
        self.say(test, 'ok')

    def addSkip(self, test, reason):
        self.say(test, 'skipped')

    def failed(self, test, error):
        self.say(test, 'failed')
        print(self._exc_info_to_string(error, test), file=sys.stderr)

    addFailure = addError = failed


tests = list(unittest.TestLoader().loadTestsFromTestCase(test_rsa.GPGTestCase))
unittest.TestSuite(tests[part::parts]).run(Result())
