# smtp-detour. `make help` lists the targets. Everything that is built lies in $(BUILD).
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
# Flags are asked for where this compiler, for this machine, takes them without a word: -Werror, for clang only warns of what it does
# not know, and a C header, for the C library has its say about _FORTIFY_SOURCE.
hash    := \#
knows    = $(if $(shell echo '$(hash)include <string.h>' | $(CC) $(CFLAGS) -Werror $(1) -x c -c -o /dev/null - 2>&1 || echo no),,$(1))
# The machines whose stack-clash protection Debian trusts: not 32-bit ARM.
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
# Until clang 16.
OLD_CLANG := -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
ifeq ($(origin HARDEN),undefined)
HARDEN  := -fPIE $(call knows,-fstack-protector-strong) \
    $(or $(call knows,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),$(call knows,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)) \
    $(if $(filter arm%,$(MACHINE)),,$(call knows,-fstack-clash-protection)) \
    $(or $(call knows,-fcf-protection),$(call knows,-mbranch-protection=standard)) \
    $(or $(call knows,-ftrivial-auto-var-init=zero),$(call knows,-ftrivial-auto-var-init=zero $(OLD_CLANG)))
endif
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now
# The same source gives the same program, wherever it lies.
ANYWHERE := $(call knows,-ffile-prefix-map='$(CURDIR)'=.)
STD     := -std=c11 -D_POSIX_C_SOURCE=200809L
# On a 32-bit machine times end in 2038 and files at 2 GiB, unless asked otherwise. A library may have been built without: no time_t of ours
# goes into one.
WIDE    := -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
ALL_CFLAGS = $(STD) $(WIDE) $(WARN) $(WERROR) $(HARDEN) $(ANYWHERE) $(CFLAGS) $(SAN) -Iproxy -I. -DVERSION='"$(VERSION)"' -MMD -MP

# The rooms, lowest first. io is split: what both worlds share, and the real world that the simulator replaces.
ROOMS   := base wire mail smtp oauth api upstream delivery spool relay alert admin app
# The end of a turn lies below both worlds.
IO_SHARED := stream stream_finish tunnel password crypto disk gather resp engine engine_ask engine_hear engine_link
IO_BELOW := turn
src      = $(sort $(wildcard proxy/$(1)/*.c))
IO_SRC  := $(sort $(wildcard proxy/io/*.c))
SHARED_SRC := $(wildcard $(IO_SHARED:%=proxy/io/%.c))
BELOW_SRC := $(wildcard $(IO_BELOW:%=proxy/io/%.c))
WORLD_SRC := $(filter-out $(SHARED_SRC) $(BELOW_SRC),$(IO_SRC))
SIM_SRC := $(wildcard tests/sim/*.c)
obj      = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
lib      = $(BUILD)/lib/$(1).a

LIBS    := -lcurl -lssl -lcrypto -lev -linih -lgsasl -ljansson -lexpat -lmicrohttpd -lhiredis -lcrypt -lresolv -lpthread
# In the order of the layers, highest first, each archive once: the linker proves them.
PRODUCT_LIBS := $(foreach r,app admin alert relay spool delivery upstream api oauth smtp mail config wire io world turn base,$(call lib,$(r)))
# The simulator plays whole histories, so it stands above all rooms; and its world stands in for the real one below io while it uses io
# itself: those two alone need each other.
in_order = $(if $(SIM_IN),$(SIM_IN) $(filter-out $(BELOW) $(IN_CIRCLE),$(1)) -Wl$(comma)--start-group $(IN_CIRCLE) -Wl$(comma)--end-group \
    $(filter $(BELOW),$(1)),$(1))
SIM_IN    = $(filter $(call lib,sim),$(1))
IN_CIRCLE := $(foreach r,sim io,$(call lib,$(r)))
BELOW    := $(foreach r,wire config turn base,$(call lib,$(r)))
comma    := ,

.PHONY: all
all: $(BUILD)/smtp-detour

$(BUILD)/smtp-detour: $(BUILD)/obj/proxy/main.o $(PRODUCT_LIBS)
	$(CC) $(CFLAGS) $(SAN) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(PRODUCT_LIBS) $(LIBS)

# Only io/ and app/ may reach beyond POSIX.
$(BUILD)/obj/proxy/io/%.o $(BUILD)/obj/proxy/app/%.o: STD = -std=c11 -D_GNU_SOURCE
$(BUILD)/obj/tests/%.o: STD = -std=c11 -D_GNU_SOURCE
$(BUILD)/obj/tests/%.o: ALL_CFLAGS += -Itests
$(BUILD)/obj/tests/fuzz/%.o: ALL_CFLAGS += -Itests/fuzz

# A header that is missing is named before the compiler stumbles over it, with the command that brings it.
HEADERS := ev.h openssl/ssl.h ini.h gsasl.h curl/curl.h jansson.h expat.h microhttpd.h hiredis/hiredis.h crypt.h
$(BUILD)/headers: Makefile
	@mkdir -p $(@D)
	@for header in $(HEADERS); do \
	    printf '#include <stdio.h>\n#include <%s>\n' $$header | $(CC) $(CPPFLAGS) $(CFLAGS) -E -x c - >/dev/null 2>&1 || \
	    { echo "<$$header> is missing: \`make deps\` installs what building needs." >&2; exit 1; }; done
	@touch $@

$(BUILD)/obj/%.o: %.c | $(BUILD)/headers
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

define archive
$(call lib,$(1)): $(call obj,$(2))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach r,$(filter-out upstream,$(ROOMS)),$(eval $(call archive,$(r),$(call src,$(r)))))
$(eval $(call archive,upstream,$(call src,upstream) scripts.c))
$(eval $(call archive,config,$(sort $(wildcard config/*.c))))
$(eval $(call archive,io,$(SHARED_SRC)))
$(eval $(call archive,world,$(WORLD_SRC)))
$(eval $(call archive,turn,$(BELOW_SRC)))
$(eval $(call archive,sim,$(filter-out %_main.c,$(SIM_SRC))))

# The scripts of a cluster, each behind its heads, as C strings with their SHA-1.
SCRIPTS := take hold give rate auth token members policy
SCRIPT_DIR := proxy/upstream/scripts
SCRIPT_FILES := $(sort $(wildcard $(SCRIPT_DIR)/*.lua))
heads   = $(SCRIPT_DIR)/head.lua $(if $(filter take hold give,$(1)),$(SCRIPT_DIR)/slots_head.lua)
define script_in_c
	@printf 'const struct engine_script script_%s = {"%s",\n' $(1) $(1) >>$@.new
	@cat $(call heads,$(1)) $(SCRIPT_DIR)/$(1).lua | sed 's/[\\"]/\\&/g; s/^/    "/; s/$$/\\n"/' >>$@.new
	@printf '    , "%s"};\n' "$$(cat $(call heads,$(1)) $(SCRIPT_DIR)/$(1).lua | sha1sum | cut -c1-40)" >>$@.new

endef
$(BUILD)/scripts.c: $(SCRIPT_FILES) Makefile
	@mkdir -p $(@D)
	@printf '#include "upstream/scripts.h"\n' >$@.new
	$(foreach s,$(SCRIPTS),$(call script_in_c,$(s)))
	@mv $@.new $@
$(BUILD)/obj/scripts.o: $(BUILD)/scripts.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Unit tests: tests/unit/ROOM_WHAT_test.c links the rooms that ROOM may use. smtp, upstream, delivery and relay run in the simulated world.
UNIT_SRC := $(wildcard tests/unit/*_test.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
needs_base     := base
needs_wire     := wire base
needs_config   := config base
needs_io       := io world turn base
needs_smtp     := smtp sim wire io turn base
needs_oauth    := oauth config sim wire io turn base
needs_api      := api wire base
needs_upstream := upstream api oauth smtp mail config sim wire io turn base
needs_mail     := mail config sim wire io turn base
needs_delivery := delivery upstream api oauth smtp mail config sim wire io turn base
needs_spool    := spool delivery upstream api oauth smtp mail config sim wire io turn base
needs_relay    := relay spool delivery upstream api oauth smtp mail config sim wire io turn base
needs_alert    := alert $(needs_relay)
needs_sim      := $(needs_relay)
needs_admin    := admin upstream api oauth smtp mail config wire io world turn base
needs_app      := app admin alert relay spool delivery upstream api oauth smtp mail config wire io world turn base
room_of         = $(firstword $(subst _, ,$(notdir $(1))))
define unit
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o $(foreach r,$(needs_$(call room_of,$(1))),$(call lib,$(r)))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(SAN) $$(HARDEN_LD) -o $$@ $$< $$(call in_order,$$(filter %.a,$$^)) -lcmocka $$(LIBS)
endef
$(foreach u,$(notdir $(UNIT)),$(eval $(call unit,$(u))))

.PHONY: unit unit-programs
unit-programs: $(UNIT)
unit: $(UNIT)
	@tests/unit/run $(UNIT)


# The simulator: the product's rooms over a virtual world.
$(BUILD)/detour-sim: $(BUILD)/obj/tests/sim/sim_main.o $(foreach r,$(needs_sim),$(call lib,$(r)))
	$(CC) $(CFLAGS) $(SAN) $(HARDEN_LD) -o $@ $< $(call in_order,$(filter %.a,$^)) $(LIBS)
# The spool alone over the simulated disk.
$(BUILD)/spool-sim: $(BUILD)/obj/tests/sim/sim_spool_main.o $(foreach r,$(needs_spool),$(call lib,$(r)))
	$(CC) $(CFLAGS) $(SAN) $(HARDEN_LD) -o $@ $< $(call in_order,$(filter %.a,$^)) $(LIBS)
sim: $(BUILD)/detour-sim $(BUILD)/spool-sim

# One program that needs nothing but a kernel: musl, and the libraries as archives (contrib/deps/musl). musl gives a thread 128 KiB of stack unless the
# program asks for more.
MUSL := $(CURDIR)/$(BUILD)/musl
STATIC_LIBS := -lcurl -lssl -lcrypto -lev -linih -lgsasl -lidn -ljansson -lexpat -lmicrohttpd -lhiredis -lcrypt -lresolv -lpthread
STATIC = BUILD=$(BUILD)/static CC=musl-gcc CFLAGS='-O2 -g -idirafter $(MUSL)/include' HARDEN='-fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero' \
    HARDEN_LD='-static -Wl,-z,relro,-z,now,-z,stack-size=1048576 -L$(MUSL)/lib' LIBS='$(STATIC_LIBS)'
.PHONY: static static-check
static:
	@contrib/deps/install build static
	@contrib/deps/musl $(MUSL)
	@$(MAKE) -s -j2 $(STATIC) WERROR=-Werror all
	@strip -o $(BUILD)/smtp-detour-static $(BUILD)/static/smtp-detour
	@ls -l $(BUILD)/smtp-detour-static
# Its unit tests, and a mail out of a folder that holds nothing but the program, its configuration and a secret.
static-check: static
	@$(MAKE) -s -j2 $(STATIC) WERROR=-Werror unit
	@SMTP_DETOUR_STATIC=$(BUILD)/smtp-detour-static $(PYTHON) -m pytest -c tests/e2e/pytest.ini tests/e2e/test_static.py

# Fuzz targets: tests/fuzz/ROOM_WHAT_fuzz.c, linked as unit tests are. tests/fuzz/run says with which compiler. WHAT.linked: which objects went in.
define fuzz_target
$(BUILD)/fuzz/$(1): $(BUILD)/obj/tests/fuzz/$(1)_fuzz.o $(foreach r,$(needs_$(call room_of,$(1))),$(call lib,$(r)))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(SAN) -fsanitize=fuzzer -Wl,-t,-t -o $$@ $$< $$(call in_order,$$(filter %.a,$$^)) $$(LIBS) >$$@.linked
endef
$(foreach f,$(notdir $(wildcard tests/fuzz/*_fuzz.c)),$(eval $(call fuzz_target,$(f:_fuzz.c=))))

# The benchmark's own tools, small programs of a few files each.
BENCH := load sink delay hold
bench_load  := load load_client message chan digest bench
bench_sink  := sink sink_session sink_body chan digest bench
bench_delay := delay bench
bench_hold  := hold bench
define bench_tool
$(BUILD)/bench/$(1): $(bench_$(1):%=$(BUILD)/obj/tests/bench/%.o)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(SAN) $$(HARDEN_LD) -o $$@ $$^ -lssl -lcrypto
endef
$(foreach b,$(BENCH),$(eval $(call bench_tool,$(b))))

.PHONY: bench-tools
bench-tools: $(BENCH:%=$(BUILD)/bench/%)


# ---- the targets people type ----

# Not part of `check`: it takes half an hour. tests/cross says what it does; MACHINES=armhf for one of them.
cross-check:
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/cross $(MACHINES)

.PHONY: cross-check systemd tidy help deps bench bench-quick demo check e2e sim layers lint format format-check asan tsan tsan-programs tsan-unit fuzz install uninstall dist deb clean
help:
	@sed -n 's/^## //p' Makefile

## make            build $(BUILD)/smtp-detour
## make demo       install what is missing, build, show the main job on this machine
## make check      install what is missing, build, run every test
## make deps       install what building needs, nothing else
## make install    PREFIX=/usr/local DESTDIR= SYSCONFDIR=/etc     make uninstall    takes it away again
## make dist       the source as one file                         make deb          a Debian package
## make unit       unit tests and text dialogs        make e2e       end-to-end tests (PYTEST_ARGS=...)
## make sim        the simulator, $(BUILD)/detour-sim  make fuzz      every fuzz target, FUZZ_SECONDS each
## make bench      install the peers, measure them and smtp-detour side by side, under 10 minutes (bench-quick: one)
## make asan       unit tests and histories under the sanitizers     make tsan    what has threads under ThreadSanitizer
## make systemd    the package and its units under a real systemd in a container (root, debootstrap, systemd-container)
## make cross-check  builds for i386, armhf, arm64, s390x and tests what was built (MACHINES=...)
## make static     one program without a C library of the system's, $(BUILD)/smtp-detour-static      make static-check    and its tests
## make layers     which folder may include which     make lint      static checks     make format    the committed style
## make clean

deps:
	@contrib/deps/install build

demo: deps
	@$(MAKE) -s -j2 all
	@$(PYTHON) tests/demo

check:
	@contrib/deps/install build test
	@PYTHON=$(PYTHON) tests/check

bench bench-quick:
	@contrib/deps/install build bench
	@$(MAKE) -s all bench-tools
	@BUILD=$(BUILD) $(PYTHON) tests/bench/run $(if $(filter bench-quick,$@),quick,full)

e2e: all
	$(PYTHON) -m pytest -c tests/e2e/pytest.ini tests/e2e $(PYTEST_ARGS)

layers:
	@tests/layers

C_FILES = $(wildcard contrib/man/*.c proxy/*.c proxy/*/*.[ch] config/*.[ch] tests/*/*.[ch])
format:
	clang-format -i $(C_FILES)
format-check:
	@clang-format --dry-run -Werror $(C_FILES)

# The package and its units under a systemd that is PID 1: needs root, debootstrap and systemd-container; not part of `check`.
systemd: deb
	tests/systemd/check

# One stamp for each file that clang-tidy has passed (.clang-tidy says what it asks).
TIDY := $(patsubst %.c,$(BUILD)/tidy/%.ok,$(wildcard proxy/*.c proxy/*/*.c config/*.c))
$(BUILD)/tidy/%.ok: %.c .clang-tidy $(wildcard proxy/*/*.h config/*.h)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(STD) -Iproxy -I. -DVERSION='""' >$@.said 2>&1 || { cat $@.said; exit 1; }
	@touch $@
$(BUILD)/tidy/proxy/io/%.ok $(BUILD)/tidy/proxy/app/%.ok: STD = -std=c11 -D_GNU_SOURCE
tidy: $(TIDY)

# So many at once, of what a whole check builds and plays: processors must not wait for each other.
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

lint: format-check
	@tests/sizes
	@tests/cites
	@$(MAKE) -s -j$(JOBS) tidy
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/lint-clang CC=clang WERROR=-Werror CFLAGS=-O1 all
	@$(MAKE) -s -j$(JOBS) BUILD=$(BUILD)/lint-gcc CC=gcc WERROR=-Werror CFLAGS=-O2 all
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr --suppress=nullPointerRedundantCheck --suppress=internalAstError \
	    -Iproxy -I. -DVERSION='""' proxy config

SANITIZED = BUILD=$(BUILD)/asan CC=clang HARDEN= HARDEN_LD= CFLAGS='-O1 -g -fno-omit-frame-pointer' SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
# The seeds of one run in halves.
SIM_SEEDS ?= 2000
asan:
	@$(MAKE) -s -j$(JOBS) $(SANITIZED) WERROR=-Werror all unit-programs sim
	@$(MAKE) -s $(SANITIZED) WERROR=-Werror unit
	@half=$$(($(SIM_SEEDS) / 2)); printf -- '%s\n' "--kind all --seeds 1..$$half" "--kind all --seeds $$((half + 1))..$(SIM_SEEDS)" \
	    "--kind keeps --seeds 1..300" | xargs -P $(JOBS) -L 1 $(BUILD)/asan/detour-sim

# Everything that has threads: helpers, the page's server, what a reload reads beside the loop.
THREADED = BUILD=$(BUILD)/tsan CC=clang HARDEN= HARDEN_LD= CFLAGS='-O1 -g -fno-omit-frame-pointer' SAN='-fsanitize=thread'
TSAN_UNIT = $(filter $(BUILD)/unit/io_% $(BUILD)/unit/admin_% $(BUILD)/unit/app_%,$(UNIT))
TSAN_E2E ?= test_reload_drain.py test_admin.py test_front_tls_auth.py test_secrets.py test_life.py
tsan:
	@$(MAKE) -s -j$(JOBS) $(THREADED) WERROR=-Werror all tsan-programs
	@$(MAKE) -s $(THREADED) WERROR=-Werror tsan-unit
	@TSAN_OPTIONS='halt_on_error=1 exitcode=66' SMTP_DETOUR=$(BUILD)/tsan/smtp-detour \
	    $(PYTHON) -m pytest -c tests/e2e/pytest.ini $(TSAN_E2E:%=tests/e2e/%) $(PYTEST_ARGS)
tsan-programs: $(TSAN_UNIT)
tsan-unit: $(TSAN_UNIT)
	@TSAN_OPTIONS='halt_on_error=1 exitcode=66' tests/unit/run $(TSAN_UNIT)

FUZZ_SECONDS ?= 60
fuzz:
	@BUILD=$(BUILD) tests/fuzz/run $(FUZZ_SECONDS)

# ---- installing and packing ----

MANPAGES := $(BUILD)/man/smtp-detour.8 $(BUILD)/man/proxy.ini.5
$(BUILD)/manpages: $(BUILD)/obj/contrib/man/manpages.o $(PRODUCT_LIBS)
	$(CC) $(CFLAGS) $(SAN) $(HARDEN_LD) $(LDFLAGS) -o $@ $< $(PRODUCT_LIBS) $(LIBS)
$(BUILD)/man/%: $(BUILD)/manpages
	@mkdir -p $(@D)
	$(BUILD)/manpages $* >$@.new && mv $@.new $@

UNITDIR ?= $(PREFIX)/lib/systemd/system
DOCDIR  ?= $(PREFIX)/share/doc/smtp-detour
D = $(DESTDIR)
# For reading: file, and the folder below DOCDIR where it goes.
DOCS := contrib/manual/*.md:manual tests/e2e/FINDINGS.md:manual contrib/nftables/*.nft:nftables contrib/prometheus/*.yml:prometheus \
    contrib/grafana/*.json:grafana proxy.ini.example:.
install: all $(MANPAGES)
	install -d $(D)$(PREFIX)/sbin $(D)$(SYSCONFDIR)/smtp-detour $(D)$(PREFIX)/share/man/man8 $(D)$(PREFIX)/share/man/man5 $(D)$(UNITDIR) \
	    $(D)$(PREFIX)/share/bash-completion/completions $(D)$(PREFIX)/share/zsh/site-functions $(D)$(DOCDIR)
	install -m 0755 $(BUILD)/smtp-detour $(D)$(PREFIX)/sbin/smtp-detour
	install -m 0644 $(BUILD)/man/smtp-detour.8 $(D)$(PREFIX)/share/man/man8/smtp-detour.8
	install -m 0644 $(BUILD)/man/proxy.ini.5 $(D)$(PREFIX)/share/man/man5/proxy.ini.5
	install -m 0644 contrib/completion/smtp-detour.bash $(D)$(PREFIX)/share/bash-completion/completions/smtp-detour
	install -m 0644 contrib/completion/_smtp-detour $(D)$(PREFIX)/share/zsh/site-functions/_smtp-detour
	@for doc in $(foreach d,$(DOCS),'$(d)'); do \
	    install -d $(D)$(DOCDIR)/$${doc##*:} && install -m 0644 $${doc%:*} $(D)$(DOCDIR)/$${doc##*:} || exit 1; done
	@for unit in smtp-detour.service smtp-detour.socket; do \
	    sed 's|@SBINDIR@|$(PREFIX)/sbin|; s|@SYSCONFDIR@|$(SYSCONFDIR)|' contrib/systemd/$$unit >$(BUILD)/$$unit && \
	    install -m 0644 $(BUILD)/$$unit $(D)$(UNITDIR)/$$unit || exit 1; done
	@if [ -e $(D)$(SYSCONFDIR)/smtp-detour/proxy.ini ]; then echo "$(D)$(SYSCONFDIR)/smtp-detour/proxy.ini is kept"; \
	else install -m 0640 proxy.ini.example $(D)$(SYSCONFDIR)/smtp-detour/proxy.ini; fi

# What `install` with the same PREFIX put there. Configuration, secrets and state are the administrator's and stay.
uninstall:
	rm -f $(D)$(PREFIX)/sbin/smtp-detour $(D)$(PREFIX)/share/man/man8/smtp-detour.8 $(D)$(PREFIX)/share/man/man5/proxy.ini.5 \
	    $(D)$(PREFIX)/share/bash-completion/completions/smtp-detour $(D)$(PREFIX)/share/zsh/site-functions/_smtp-detour \
	    $(D)$(UNITDIR)/smtp-detour.service $(D)$(UNITDIR)/smtp-detour.socket
	rm -rf $(D)$(DOCDIR)
	@for kept in $(SYSCONFDIR)/smtp-detour /var/lib/smtp-detour; do [ ! -e $(D)$$kept ] || echo "$(D)$$kept is kept"; done

# What is committed, as of HEAD.
dist:
	@mkdir -p $(BUILD)
	git archive --format=tar.gz --prefix=smtp-detour-$(VERSION)/ -o $(BUILD)/smtp-detour-$(VERSION).tar.gz HEAD
	@echo $(BUILD)/smtp-detour-$(VERSION).tar.gz

deb: all $(MANPAGES)
	@VERSION=$(DEB_VERSION) BUILD=$(BUILD) MAKE="$(MAKE)" contrib/debian/build
DEB_VERSION ?= $(VERSION)-1

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
