# SPDX-License-Identifier: MIT
# The engine alone, on any firmware: a hypervisor just large enough for one guest, and a guest that
# looks for traces of it.
$(eval $(call metal-image,test-engine-hs,metal,engine/hs tests/metal-engine,tests/metal-engine/harness.ld,204800))
HS_GUEST_SRC := $(LIB_SRC) $(wildcard tests/metal-engine/guest/*.c tests/metal-engine/guest/*.S)
$(eval $(call own-guest,hs,$(HS_GUEST_SRC),guests/lib))

.PHONY: ring2-engine-hs
ring2-engine-hs: $(METAL)/test-engine-hs.elf $(GUESTS)/hs.elf own-guests
	tests/metal-engine/ring2.sh $(RESULTS) $(B)
