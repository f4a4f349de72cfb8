/* SPDX-License-Identifier: MIT */
/* Says its arguments, and ends with how many there were. */
#include <string.h>

#include "guests/ulix/user/user.h"

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        write(1, arguments[i], strlen(arguments[i]));
        write(1, i + 1 < count ? " " : "\n", 1);
    }
    return count - 1;
}
