# Bindings against public clients: libcoap's, mosquitto's, packages of npm, a browser.
EXTRA_DIST += tests/peers/peers.py tests/peers/package.json tests/peers/package-lock.json
if WITH_MQTT
dist_check_SCRIPTS += tests/peers/test_mqtt.py
TESTS += tests/peers/test_mqtt.py
endif
if WITH_WEBSOCKET
TESTS += tests/peers/test_websocket.py tests/peers/test_websocket_clients.py tests/peers/test_websocket_page.py
endif
if WITH_COAP
if WITH_MQTT
if WITH_WEBSOCKET
TESTS += tests/peers/test_across.py
endif
endif
endif
dist_check_SCRIPTS += tests/peers/test_across.py
EXTRA_DIST += tests/peers/across.js
dist_check_SCRIPTS += tests/peers/test_websocket.py tests/peers/test_websocket_clients.py tests/peers/test_websocket_page.py
EXTRA_DIST += tests/peers/websocket_client.py tests/peers/websocket_stand.py
