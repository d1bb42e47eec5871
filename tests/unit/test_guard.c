/* Where bindings may connect to. */
#include "bindings/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static bool allows(const struct guard *guard, const char *text)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return guard_allows(guard, (const struct sockaddr *)&four);
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return guard_allows(guard, (const struct sockaddr *)&six);
}

/* Every address of the list, which ends with NULL, is allowed or is not. */
static void expect(const char *networks, bool is_public, const char *const *addresses, bool is_allowed)
{
	struct guard guard;
	char message[100];

	assert_int_equal(guard_init(&guard, networks, is_public, message, sizeof(message)), 0);
	for (; *addresses; addresses++)
		if (allows(&guard, *addresses) != is_allowed)
			fail_msg("%s with \"%s\": %s", *addresses, networks, is_allowed ? "refused" : "allowed");
	guard_finish(&guard);
}

static const char *const special[] = {"169.254.0.0",
				      "169.254.169.254",
				      "169.254.255.255",
				      "fe80::1",
				      "febf:ffff::1",
				      "100.100.100.200",
				      "fd00:ec2::254",
				      "0.0.0.0",
				      "0.255.255.255",
				      "::",
				      "224.0.0.1",
				      "239.255.255.255",
				      "255.255.255.255",
				      "ff02::1",
				      "ffff::1",
				      "::ffff:169.254.169.254",
				      "::ffff:100.100.100.200",
				      "::ffff:0.0.0.0",
				      "::ffff:224.0.0.1",
				      "::ffff:255.255.255.255",
				      NULL};
static const char *const ordinary[] = {"127.0.0.1",
				       "::1",
				       "10.0.0.1",
				       "192.168.1.1",
				       "169.253.255.255",
				       "169.255.0.0",
				       "100.100.100.199",
				       "100.100.100.201",
				       "1.0.0.0",
				       "223.255.255.255",
				       "fec0::1",
				       "fe7f::1",
				       "fd00:ec2::253",
				       "fd00:ec2::255",
				       "2001:db8::1",
				       "::ffff:127.0.0.1",
				       "8.8.8.8",
				       "240.0.0.1",
				       NULL};

static void test_a_public_cse_connects_to_all_but_special_addresses(void **state)
{
	(void)state;
	expect("", true, special, false);
	expect("", true, ordinary, true);
	expect(" ", true, special, false);
}

static void test_a_private_cse_connects_to_all_addresses(void **state)
{
	(void)state;
	expect("", false, special, true);
	expect("", false, ordinary, true);
}

static void test_only_networks_that_are_listed_are_connected_to(void **state)
{
	static const char networks[] = "192.0.2.0/25, 2001:db8::/33 ,198.51.100.7,fe80::/10,::ffff:203.0.113.0/120";
	static const char *const inside[] = {"192.0.2.0",	 "192.0.2.127",	       "::ffff:192.0.2.1",
					     "2001:db8:7fff::1", "198.51.100.7",       "fe80::1",
					     "203.0.113.255",	 "::ffff:203.0.113.9", NULL};
	static const char *const outside[] = {
		"192.0.2.128", "192.0.1.255", "2001:db8:8000::", "198.51.100.6",	"127.0.0.1", "::1",
		"203.0.114.0", "::192.0.2.1", "169.254.169.254", "::ffff:198.51.100.8", NULL};

	(void)state;
	expect(networks, false, inside, true);
	expect(networks, true, inside, true);
	expect(networks, false, outside, false);
	expect(networks, true, outside, false);
	expect("169.254.0.0/16", true, (const char *const[]){"169.254.1.1", NULL}, true);
	expect("0.0.0.0/0", true, (const char *const[]){"8.8.8.8", "0.0.0.0", NULL}, true);
	expect("0.0.0.0/0", true, (const char *const[]){"::1", "2001:db8::1", NULL}, false);
	expect("::/0", true, (const char *const[]){"::1", "8.8.8.8", NULL}, true);
}

static void test_what_is_no_network_is_refused_with_what_it_is(void **state)
{
	static const char *const wrong[] = {"192.0.2.0/33",   "192.0.2.1/24",  "2001:db8::/129",
					    "2001:db8::1/64", "192.0.2.0/",    "192.0.2.0/-1",
					    "192.0.2.0/1x",   "192.0.2",       "example.org",
					    "192.0.2.0/24,",  ",192.0.2.0/24", "192.0.2.0/24 10.0.0.0/8",
					    "[::1]",	      "192.0.2.0//24", "/8",
					    ":::/0"};
	struct guard guard;
	char message[120];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		message[0] = '\0';
		if (guard_init(&guard, wrong[i], false, message, sizeof(message)) != ERROR_FORMAT)
			fail_msg("%s is taken", wrong[i]);
		assert_non_null(strchr(message, '\''));
	}
}

static void test_an_address_of_another_family_is_refused(void **state)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/x"};
	struct guard guard;
	char message[100];

	(void)state;
	assert_int_equal(guard_init(&guard, "", false, message, sizeof(message)), 0);
	assert_false(guard_allows(&guard, (const struct sockaddr *)&address));
	guard_finish(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_public_cse_connects_to_all_but_special_addresses),
		cmocka_unit_test(test_a_private_cse_connects_to_all_addresses),
		cmocka_unit_test(test_only_networks_that_are_listed_are_connected_to),
		cmocka_unit_test(test_what_is_no_network_is_refused_with_what_it_is),
		cmocka_unit_test(test_an_address_of_another_family_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
