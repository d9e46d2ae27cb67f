#!/bin/sh
# Wrong: the server ends with each child, and is started again. From afar it seems to live.
while :; do
    "$1" "$(dirname "$0")/fork_3_dies.py" "$2" 2>/dev/null
done
