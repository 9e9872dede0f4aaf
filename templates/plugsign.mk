# Include this in a plugin's Makefile, after its `dist` target: include plugsign.mk
#
#   make sign         checks that signing will work, builds, then signs dist/
#   make verify-dist  fails unless every artifact in dist/ is good: archives, packages, images and
#                     whatever else has a signature
#
# For Mattermost's plugin starter template there is custom.mk.
#
# The key is the one in the home. PLUGSIGN_SIGNER names another one, PLUGSIGN_KEY holds one.
# RELEASE_KEY is the certificate that the release must verify with.

PLUGSIGN ?= plugsign
RELEASE_KEY ?= release-key.asc

PLUGSIGN_AS = $(if $(PLUGSIGN_SIGNER),-u "$(PLUGSIGN_SIGNER)")

.PHONY: doctor
doctor:
	$(PLUGSIGN) doctor $(PLUGSIGN_AS)

.PHONY: sign
sign: doctor dist
	$(PLUGSIGN) sign $(PLUGSIGN_AS) dist/

.PHONY: verify-dist
verify-dist:
	$(PLUGSIGN) verify --key "$(RELEASE_KEY)" dist/
