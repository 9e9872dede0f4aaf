# Include this in a plugin's Makefile after its `dist` target: include plugsign.mk
#
#   make sign         builds, then signs dist/
#   make verify-dist  fails unless everything in dist/ is signed and good
#
# The key is the one in the home, or PLUGSIGN_SIGNER names one, or PLUGSIGN_KEY holds it.
# RELEASE_KEY is the certificate that the release must verify with.

PLUGSIGN ?= plugsign
RELEASE_KEY ?= release-key.asc

.PHONY: sign
sign: dist
	$(PLUGSIGN) sign $(if $(PLUGSIGN_SIGNER),-u "$(PLUGSIGN_SIGNER)") dist/

.PHONY: verify-dist
verify-dist:
	$(PLUGSIGN) verify --key "$(RELEASE_KEY)" dist/
