# Bindings against public clients: libcoap's, mosquitto's, packages of npm, a browser.
EXTRA_DIST += tests/peers/peers.py tests/peers/package.json tests/peers/package-lock.json
if WITH_WEBSOCKET
TESTS += tests/peers/test_websocket.py tests/peers/test_websocket_clients.py tests/peers/test_websocket_page.py
endif
dist_check_SCRIPTS += tests/peers/test_websocket.py tests/peers/test_websocket_clients.py tests/peers/test_websocket_page.py
EXTRA_DIST += tests/peers/websocket_client.py tests/peers/websocket_stand.py
