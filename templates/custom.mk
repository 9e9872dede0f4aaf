# build/custom.mk for Mattermost's plugin starter template, whose Makefile includes it.
#
#   make sign     checks that signing will work, builds the bundle, signs it, and verifies it
#   make verify   fails unless a server would install the bundle in dist/, and its signature is good
#
# The key is the one in the home. PLUGSIGN_SIGNER names another one, PLUGSIGN_KEY holds one.
# RELEASE_KEY is the certificate that the bundle must verify with.

PLUGSIGN ?= plugsign
RELEASE_KEY ?= release-key.asc

PLUGSIGN_AS = $(if $(PLUGSIGN_SIGNER),-u "$(PLUGSIGN_SIGNER)")

## Builds and signs the bundle.
.PHONY: sign
sign:
	$(PLUGSIGN) doctor $(PLUGSIGN_AS)
	$(MAKE) dist
	$(PLUGSIGN) sign $(PLUGSIGN_AS) "dist/$(BUNDLE_NAME)"
	$(MAKE) verify

## Verifies the signed bundle as a server's administrator would.
.PHONY: verify
verify:
	$(PLUGSIGN) check --require-signature --key "$(RELEASE_KEY)" "dist/$(BUNDLE_NAME)"
