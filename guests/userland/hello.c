/* SPDX-License-Identifier: MIT */
/* Compiled by gcc in the guest, and run there. */
#include <math.h>
#include <stdio.h>

static double step(double x)
{
    return x - (x * x - 2) / (2 * x);
}

int main(void)
{
    double x = 1;

    while (fabs(x * x - 2) > 1e-12)
        x = step(x);
    printf("%.12f\n", x);
    return 0;
}
