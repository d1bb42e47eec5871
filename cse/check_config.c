/* check_config: `copse check-config`. */
#include "cse/command.h"

#include "cse/protocols.h"

int command_check_config(int argc, char **argv)
{
	struct config config;
	struct arguments arguments;
	char message[MESSAGE_SIZE];
	struct protocols protocols = {.config = &config};
	struct schema *schema;
	int code = command_read(argc, argv, &(struct takes){0}, &arguments, &config);

	if (code != 0)
		return code;
	protocols.schema = schema = command_schema(&config, message, sizeof(message));
	if (schema && protocols_check(&protocols, message, sizeof(message)) == 0)
		config_print(&config, stdout);
	else
		code = command_fail(EXIT_USAGE, message);
	schema_destroy(schema);
	config_finish(&config);
	return code;
}
