#!/bin/sh
# A browser for the tests of pages: Debian's Chromium. Without it those tests say so and are skipped.
set -u
if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || [ -n "${CHROMIUM:-}" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium from Debian's packages"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
        >/dev/null && exit 0
fi
echo "no chromium: pages will not be tried in a browser; install it (apt-get install chromium), or name one in CHROMIUM"
