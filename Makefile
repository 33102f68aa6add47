# smtp-detour. `make help` lists the targets. Everything that is built lies in $(BUILD).
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
HARDEN  ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
HARDEN_LD ?= -pie -Wl,-z,relro,-z,now
STD     := -std=c11 -D_POSIX_C_SOURCE=200809L
ALL_CFLAGS = $(STD) $(WARN) $(WERROR) $(HARDEN) $(CFLAGS) $(SAN) -Iproxy -I. -DVERSION='"$(VERSION)"' -MMD -MP

# The rooms, lowest first. io is split: what both worlds share, and the real world that the simulator replaces.
ROOMS   := base wire smtp upstream spool relay admin app
IO_SHARED := stream tunnel
src      = $(wildcard proxy/$(1)/*.c)
IO_SRC  := $(wildcard proxy/io/*.c)
SHARED_SRC := $(wildcard $(IO_SHARED:%=proxy/io/%.c))
WORLD_SRC := $(filter-out $(SHARED_SRC),$(IO_SRC))
SIM_SRC := $(wildcard tests/sim/*.c)
obj      = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
lib      = $(BUILD)/lib/$(1).a

LIBS    := -lssl -lcrypto -lev -linih -lgsasl -lcrypt -lpthread
PRODUCT_LIBS := $(foreach r,app admin relay spool upstream smtp config wire io world base,$(call lib,$(r)))

.PHONY: all
all: $(BUILD)/smtp-detour

$(BUILD)/smtp-detour: $(BUILD)/obj/proxy/main.o $(PRODUCT_LIBS)
	$(CC) $(CFLAGS) $(SAN) $(HARDEN_LD) $(LDFLAGS) -o $@ $< -Wl,--start-group $(PRODUCT_LIBS) -Wl,--end-group $(LIBS)

# Only io/ and app/ may reach beyond POSIX.
$(BUILD)/obj/proxy/io/%.o $(BUILD)/obj/proxy/app/%.o: STD = -std=c11 -D_GNU_SOURCE
$(BUILD)/obj/tests/%.o: STD = -std=c11 -D_GNU_SOURCE
$(BUILD)/obj/tests/%.o: ALL_CFLAGS += -Itests

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

define archive
$(call lib,$(1)): $(call obj,$(2))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call archive,$(r),$(call src,$(r)))))
$(eval $(call archive,config,$(wildcard config/*.c)))
$(eval $(call archive,io,$(SHARED_SRC)))
$(eval $(call archive,world,$(WORLD_SRC)))
$(eval $(call archive,sim,$(filter-out %_main.c,$(SIM_SRC))))

# Unit tests: tests/unit/ROOM_WHAT_test.c links the rooms that ROOM may use. smtp, upstream and relay run in the simulated world.
UNIT_SRC := $(wildcard tests/unit/*_test.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
needs_base     := base
needs_wire     := wire base
needs_config   := config base
needs_io       := io world base
needs_smtp     := smtp sim wire io base
needs_upstream := upstream smtp config sim wire io base
needs_relay    := relay upstream smtp config sim wire io base
needs_sim      := $(needs_relay)
needs_app      := app admin relay spool upstream smtp config wire io world base
room_of         = $(firstword $(subst _, ,$(notdir $(1))))
define unit
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o $(foreach r,$(needs_$(call room_of,$(1))),$(call lib,$(r)))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(SAN) $$(HARDEN_LD) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lcmocka $$(LIBS)
endef
$(foreach u,$(notdir $(UNIT)),$(eval $(call unit,$(u))))

.PHONY: unit
unit: $(UNIT)
	@tests/unit/run $(UNIT)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
