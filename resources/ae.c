/* <AE>: registration, TS-0001 10.1.1.2.2, TS-0004 7.4.5. The AE-ID-Stem is the resourceID. */
#include "cse/core/cse.h"
#include "cse/core/hooks.h"
#include "cse/core/originator.h"

#include <ctype.h>

static bool may_register(const struct request *req)
{
	struct str rest = str_of(cse_config(req->cse)->ae_originators);

	while (rest.ptr) {
		struct str pattern = str_split(&rest, ',');

		while (pattern.len && pattern.ptr[0] == ' ')
			pattern = str_from(pattern, 1);
		if (pattern.len && !memchr(req->from.ptr, '/', req->from.len) && wildcard_matches(pattern, req->from))
			return true;
	}
	return false;
}

static bool asks_for_a_stem(const struct request *req)
{
	return req->from.len == 0 || str_eq(req->from, STR("C")) || str_eq(req->from, STR("S"));
}

/* Instead of Recv-6.3, which TS-0004 7.4.5.2.1 skips: who may register here? */
static enum rsc authorize_create(struct request *req, const struct resource *parent)
{
	const struct cse_config *config = cse_config(req->cse);
	struct str id = cse_id(req->cse);

	(void)parent;
	if (config->require_subscription)
		return req_fail(req, RSC_SERVICE_SUBSCRIPTION_NOT_ESTABLISHED,
				"there is no service subscription profile for this registration");
	if (is_admin(req))
		return RSC_NONE;
	if (str_eq(req->from, id) || str_eq(req->from, str_from(id, 1)) || (req->from.len && req->from.ptr[0] == '/'))
		return req_fail(req, RSC_SECURITY_ASSOCIATION_REQUIRED, "from (fr): a CSE registers no AE");
	if (str_eq(req->from, str_of(config->admin)) || (!asks_for_a_stem(req) && !may_register(req)))
		return req_fail(req, RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
				"from (fr): this originator may not register here");
	return RSC_NONE;
}

/* The prefix r was dropped with release 4. */
static enum rsc check_prefix(struct request *req, struct draft *draft)
{
	struct str release = req->param[PARAM_releaseVersionIndicator];
	struct str app_id = draft_get_string(draft, ATTR_App_ID);

	if (app_id.len && app_id.ptr[0] == 'r' && release.len && release.ptr[0] >= '4')
		return req_fail(req, RSC_BAD_REQUEST, "App-ID (api): the prefix r is not allowed from release 4 on");
	return RSC_NONE;
}

/* TS-0001 table 7.2-1: what a stem may be made of. */
static bool is_stem(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isalnum((unsigned char)text.ptr[i]) && !strchr("-._~", text.ptr[i]))
			return false;
	return text.len > 0;
}

/* TS-0001 10.1.1.2.2: the cases of the From parameter. Leaves the AE-ID-Stem in req->from. */
static enum rsc settle_stem(struct request *req)
{
	char letter = req->from.len ? req->from.ptr[0] : 'C';

	if (letter == 'S' && cse_config(req->cse)->type != CSE_IN)
		return req_fail(req, RSC_NOT_IMPLEMENTED,
				"from (fr): an AE-ID-Stem of type S needs an announcement to the IN-CSE");
	if (asks_for_a_stem(req)) {
		char *stem = arena_alloc(&req->arena, INSTANCE_ID_SIZE);

		instance_id_print(stem, letter, cse_next_key(req->cse));
		req->from = str_make(stem, INSTANCE_ID_SIZE - 1);
	}
	if (!is_stem(req->from))
		return req_fail(req, RSC_BAD_REQUEST,
				"from (fr): an AE-ID-Stem is made of letters, digits and - . _ ~");
	if (cse_has_id(req->cse, req->from))
		return req_fail(req, RSC_ORIGINATOR_HAS_ALREADY_REGISTERED, "from (fr): \"%.*s\" is registered already",
				STR_ARG(req->from));
	return RSC_NONE;
}

static enum rsc create(struct request *req, struct resource *parent, struct draft *draft)
{
	enum rsc code = check_prefix(req, draft);

	(void)parent;
	if (code == RSC_NONE)
		code = settle_stem(req);
	if (code == RSC_NONE)
		draft_set_string(draft, ATTR_AE_ID, req->from);
	return code;
}

static struct str choose_id(struct request *req, struct draft *draft)
{
	(void)draft;
	return req->from;
}

struct ae {
	bool is_inactive;
};

static void attach(struct cse *cse, struct resource *resource)
{
	struct ae *ae = resource->state;
	struct str status = resource_attribute(resource, name_short(cse_schema(cse), ATTR_registrationStatus));

	ae->is_inactive = str_eq(status, STR("2"));
}

/* TS-0004 7.3.3.14. */
static bool hides_subtree(const struct resource *resource)
{
	const struct ae *ae = resource->state;

	return ae->is_inactive;
}

/* TS-0004 7.5.1.2.3: who subscribes for the entity, and who hosts the subscription, may both notify it. */
static enum rsc authorize_notify(struct request *req, const struct resource *resource)
{
	struct value notification = notification_of(req), creator = {0};
	const struct schema *schema = cse_schema(req->cse);
	struct request probe = *req;
	bool verifies;

	if (!value_is_absent(notification) && value_type(notification) == VALUE_OBJECT)
		creator = value_member(notification, name_short(schema, ATTR_creator));
	verifies = !value_is_absent(creator) &&
		   !value_is_absent(value_member(notification, name_short(schema, ATTR_verificationRequest)));
	if (verifies) {
		probe.from = value_string(creator, &req->arena);
		if (!may(&probe, resource, PRIVILEGE_NOTIFY))
			return req_fail(req, RSC_SUBSCRIPTION_CREATOR_HAS_NO_PRIVILEGE,
					"the creator of the subscription may not notify the target");
	}
	if (may(req, resource, PRIVILEGE_NOTIFY))
		return RSC_NONE;
	return req_fail(req, verifies ? RSC_SUBSCRIPTION_HOST_HAS_NO_PRIVILEGE : RSC_ORIGINATOR_HAS_NO_PRIVILEGE,
			"the originator may not notify the target");
}

static const struct type_hooks ae_hooks = {
	.state_size = sizeof(struct ae),
	.attach = attach,
	.hides_subtree = hides_subtree,
	.authorize_create = authorize_create,
	.create = create,
	.choose_id = choose_id,
	.authorize_notify = authorize_notify,
	.notify = notify_forward,
};

#define TYPE_DEF "schemas/types/AE.def"
#define TYPE_HOOKS &ae_hooks
#include "schemas/define_type.h"
