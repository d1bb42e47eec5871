# Bindings against public clients: libcoap's, mosquitto's, packages of npm, a browser.
EXTRA_DIST += tests/peers/peers.py tests/peers/package.json tests/peers/package-lock.json
