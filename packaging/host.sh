#!/bin/sh
# Prints the target triple of this machine, or fails where there is no rustc.
set -eu
# In a pipe, rustc's failure would be nobody's.
about=$(rustc -vV)
printf '%s\n' "$about" | sed -n 's/^host: //p'
