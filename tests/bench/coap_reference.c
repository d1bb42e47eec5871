/* coap_reference: the reference of the bench over CoAP: a server of libcoap's that answers GET with 2.05 and POST with
 * 2.01 and a body of N bytes, whatever is asked for. Prints its port: coap_reference N. */
#include <arpa/inet.h>
#include <coap3/coap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 1024 };

struct body {
	size_t len;
	uint8_t bytes[BODY_MAX];
};

static void answer(coap_session_t *session, coap_pdu_t *response, coap_pdu_code_t code)
{
	const struct body *body = coap_get_app_data(coap_session_get_context(session));
	uint8_t format[2];

	coap_pdu_set_code(response, code);
	coap_add_option(response, COAP_OPTION_CONTENT_FORMAT,
			coap_encode_var_safe(format, sizeof(format), COAP_MEDIATYPE_APPLICATION_JSON), format);
	coap_add_data(response, body->len, body->bytes);
}

static void get(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
		const coap_string_t *query, coap_pdu_t *response)
{
	(void)resource, (void)request, (void)query;
	answer(session, response, COAP_RESPONSE_CODE_CONTENT);
}

static void post(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
		 const coap_string_t *query, coap_pdu_t *response)
{
	(void)resource, (void)request, (void)query;
	answer(session, response, COAP_RESPONSE_CODE_CREATED);
}

/* A port that is free now: libcoap does not tell which one it got. */
static in_port_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (bind(fd, (struct sockaddr *)&address, len) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	close(fd);
	return address.sin_port;
}

int main(int argc, char **argv)
{
	struct body body = {argc > 1 ? strtoul(argv[1], NULL, 10) : 100, {0}};
	coap_context_t *context;
	coap_resource_t *resource;
	coap_address_t address;

	if (body.len > BODY_MAX)
		return 2;
	memset(body.bytes, 'x', body.len);
	coap_address_init(&address);
	address.size = sizeof(address.addr.sin);
	address.addr.sin.sin_family = AF_INET;
	address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.addr.sin.sin_port = free_port();
	context = coap_new_context(NULL);
	if (!context || !coap_new_endpoint(context, &address, COAP_PROTO_UDP))
		return 1;
	coap_set_app_data(context, &body);
	resource = coap_resource_unknown_init(post);
	coap_register_request_handler(resource, COAP_REQUEST_GET, get);
	coap_register_request_handler(resource, COAP_REQUEST_POST, post);
	coap_add_resource(context, resource);
	printf("%u\n", ntohs(address.addr.sin.sin_port));
	fflush(stdout);
	while (coap_io_process(context, COAP_IO_WAIT) >= 0)
		;
	return 0;
}
