# packaging: the service: its unit, its user and its configuration.
systemdsystemunit_DATA = packaging/copse.service
CLEANFILES += packaging/copse.service
packaging/copse.service: packaging/copse.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging && sed -e 's,@bindir[@],$(bindir),' -e 's,@sysconfdir[@],$(sysconfdir),' \
		$(srcdir)/packaging/copse.service.in >$@.tmp && mv $@.tmp $@
EXTRA_DIST += packaging/copse.service.in packaging/copse.conf packaging/copse.sysusers

# Examples for a broker that the CSE can trust.
mosquittodir = $(docdir)/examples/mosquitto
dist_mosquitto_DATA = packaging/mosquitto/copse.acl packaging/mosquitto/copse.conf

# A configuration that is there stays, and goes only if nobody has changed it.
install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/copse' '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) '$(srcdir)/packaging/copse.sysusers' '$(DESTDIR)$(sysusersdir)/copse.conf'
	test -e '$(DESTDIR)$(sysconfdir)/copse/copse.conf' || \
		$(INSTALL_DATA) '$(srcdir)/packaging/copse.conf' '$(DESTDIR)$(sysconfdir)/copse/copse.conf'
uninstall-hook:
	rm -f '$(DESTDIR)$(sysusersdir)/copse.conf'
	if cmp -s '$(srcdir)/packaging/copse.conf' '$(DESTDIR)$(sysconfdir)/copse/copse.conf'; then \
		rm -f '$(DESTDIR)$(sysconfdir)/copse/copse.conf'; rmdir '$(DESTDIR)$(sysconfdir)/copse' || :; fi
