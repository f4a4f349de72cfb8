/* SPDX-License-Identifier: MIT */
/*
 * The privileged specification's rules as S-mode and U-mode code meets them: one line for each
 * sentence checked.
 */
#include "guests/lib/check.h"
#include "guests/lib/trap.h"
#include "guests/rules/parts.h"
#include "guests/rules/space.h"

void guest_main(void);

void guest_main(void)
{
    trap_init(0);
    space_init();
    check_instructions();
    check_csrs();
    check_pages();
    check_faults();
    check_interrupts();
    check_code();
    check_ticks();
    check_end(HALF == 0 ? "rules" : "rules-upper");
}
