/* SPDX-License-Identifier: MIT */
/* The options of `trapeze run`. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define MEMORY_DEFAULT MIB(512)
#define MEMORY_LEAST   MIB(1)
#define MEMORY_MOST    GIB(1024)

enum option_id {
    OPT_ENGINE = 256,
    OPT_KERNEL,
    OPT_INITRD,
    OPT_APPEND,
    OPT_DTB,
    OPT_MEMORY,
    OPT_VCPUS,
    OPT_DISK,
    OPT_NAME,
    OPT_STATS,
    OPT_DETERMINISTIC,
    OPT_TIMEOUT,
    OPT_LOG,
    OPT_DUMP_DTB,
    OPT_FIRMWARE,
    OPT_BOARD_CPU,
    OPT_BOARD_MEMORY,
    OPT_BOARD_SMP,
    OPT_BOARD_ARG,
    OPT_SPACES, /* for engines that keep address spaces */
    OPT_RESERVED,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"engine", required_argument, NULL, OPT_ENGINE},
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"append", required_argument, NULL, OPT_APPEND},
    {"dtb", required_argument, NULL, OPT_DTB},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"vcpus", required_argument, NULL, OPT_VCPUS},
    {"disk", required_argument, NULL, OPT_DISK},
    {"name", required_argument, NULL, OPT_NAME},
    {"stats", no_argument, NULL, OPT_STATS},
    {"deterministic", optional_argument, NULL, OPT_DETERMINISTIC},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"log", required_argument, NULL, OPT_LOG},
    {"dump-dtb", required_argument, NULL, OPT_DUMP_DTB},
    {"spaces", required_argument, NULL, OPT_SPACES},
    {"firmware", required_argument, NULL, OPT_FIRMWARE},
    {"board-cpu", required_argument, NULL, OPT_BOARD_CPU},
    {"board-memory", required_argument, NULL, OPT_BOARD_MEMORY},
    {"board-smp", required_argument, NULL, OPT_BOARD_SMP},
    {"board-arg", required_argument, NULL, OPT_BOARD_ARG},
    {"net", optional_argument, NULL, OPT_RESERVED},
    {"gdb", optional_argument, NULL, OPT_RESERVED},
    {"snapshot", optional_argument, NULL, OPT_RESERVED},
    {"share", optional_argument, NULL, OPT_RESERVED},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* Decimal, or hexadecimal behind 0x. */
static bool parse_u64(const char *text, uint64_t *value, char **end)
{
    bool hex = text[0] == '0' && (text[1] | 0x20) == 'x';

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, end, hex ? 16 : 10);
    return errno == 0;
}

/* "512M": a number and K, M, G or T. */
static bool parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    char *end;

    if (!parse_u64(text, size, &end) || end[0] == '\0' || end[1] != '\0')
        return false;
    const char *unit = strchr(units, end[0] & ~0x20);
    if (unit == NULL)
        return false;
    unsigned shift = 10 * (unsigned)(unit - units + 1);
    if (*size > UINT64_MAX >> shift)
        return false;
    *size <<= shift;
    return true;
}

static bool parse_memory(const char *option, const char *text, uint64_t *size)
{
    if (!parse_size(text, size) || *size < MEMORY_LEAST || *size > MEMORY_MOST) {
        fprintf(stderr, "trapeze: %s %s: give a size from 1M to 1T, such as 512M\n", option, text);
        return false;
    }
    if (*size % PAGE_SIZE != 0) {
        fprintf(stderr, "trapeze: %s %s: give a multiple of 4K\n", option, text);
        return false;
    }
    return true;
}

static bool parse_harts(const char *option, const char *text, unsigned *harts)
{
    uint64_t value;
    char *end;

    if (!parse_u64(text, &value, &end) || *end != '\0' || value < 1 || value > VM_MAX_VCPUS) {
        fprintf(stderr, "trapeze: %s %s: give a number from 1 to %d\n", option, text, VM_MAX_VCPUS);
        return false;
    }
    *harts = (unsigned)value;
    return true;
}

static bool parse_board_arg(const char *text, struct run_board *board)
{
    if (board->nargs == RUN_MAX_BOARD_ARGS) {
        fprintf(stderr, "trapeze: --board-arg %s: at most %d of them\n", text, RUN_MAX_BOARD_ARGS);
        return false;
    }
    board->arg[board->nargs++] = text;
    return true;
}

/* FILE[,ro][,legacy]; cuts the argument at its commas. */
static bool parse_disk(char *text, struct run_options *o)
{
    if (o->ndisks == MACHINE_MAX_DISKS) {
        fprintf(stderr, "trapeze: --disk %s: the machine takes %d disks\n", text,
                MACHINE_MAX_DISKS);
        return false;
    }
    struct run_disk *disk = &o->disk[o->ndisks++];
    disk->path = text;
    for (char *comma = strchr(text, ','); comma != NULL;) {
        char *flag = comma + 1;
        *comma = '\0';
        comma = strchr(flag, ',');
        size_t length = comma != NULL ? (size_t)(comma - flag) : strlen(flag);
        if (length == 2 && memcmp(flag, "ro", 2) == 0) {
            disk->read_only = true;
        } else if (length == 6 && memcmp(flag, "legacy", 6) == 0) {
            disk->legacy = true;
        } else {
            fprintf(stderr, "trapeze: --disk %s: '%.*s' is neither ro nor legacy\n", text,
                    (int)length, flag);
            return false;
        }
    }
    return true;
}

static bool parse_seed(const char *text, struct run_options *o)
{
    char *end;

    o->deterministic = true;
    if (text == NULL || (parse_u64(text, &o->seed, &end) && *end == '\0'))
        return true;
    fprintf(stderr, "trapeze: --deterministic=%s: the seed is a number\n", text);
    return false;
}

static bool parse_timeout(const char *text, struct run_options *o)
{
    char *end;

    o->timeout = strtod(text, &end);
    if (end != text && *end == '\0' && o->timeout > 0 && o->timeout <= 1e9)
        return true;
    fprintf(stderr, "trapeze: --timeout %s: give seconds, more than 0\n", text);
    return false;
}

/* Only the engine trap looks at it, but a mistyped number is one with every engine. */
static bool parse_spaces(const char *text, uint64_t *spaces)
{
    char *end;

    if (parse_u64(text, spaces, &end) && *end == '\0' && *spaces > 0)
        return true;
    fprintf(stderr, "trapeze: --spaces %s: give a number from 1\n", text);
    return false;
}

static bool parse_log(const char *text, struct run_options *o)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};

    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        if (strcmp(text, levels[i]) == 0) {
            o->log = (enum log_level)i;
            return true;
        }
    }
    fprintf(stderr, "trapeze: --log %s: one of error, warn, info, debug, trace\n", text);
    return false;
}

static bool parse_board_option(int id, const char *arg, struct run_board *board)
{
    switch (id) {
    case OPT_FIRMWARE:
        board->firmware = arg;
        return true;
    case OPT_BOARD_CPU:
        board->cpu = arg;
        return true;
    case OPT_BOARD_MEMORY:
        return parse_memory("--board-memory", arg, &board->memory);
    case OPT_BOARD_SMP:
        return parse_harts("--board-smp", arg, &board->smp);
    default:
        return parse_board_arg(arg, board);
    }
}

/* One option; false: a message was printed. A switch over all of them, hence its length. */
static bool parse_option(int id, char *arg, const char *text, struct run_options *o,
                         const char **engine)
{
    switch (id) {
    case OPT_ENGINE:
        *engine = arg;
        return true;
    case OPT_KERNEL:
        o->kernel = arg;
        return true;
    case OPT_INITRD:
        o->initrd = arg;
        return true;
    case OPT_APPEND:
        o->append = arg;
        return true;
    case OPT_DTB:
        o->dtb = arg;
        return true;
    case OPT_MEMORY:
        return parse_memory("--memory", arg, &o->memory);
    case OPT_VCPUS:
        return parse_harts("--vcpus", arg, &o->vcpus);
    case OPT_DISK:
        return parse_disk(arg, o);
    case OPT_NAME:
        o->name = arg;
        return true;
    case OPT_STATS:
        o->stats = true;
        return true;
    case OPT_DETERMINISTIC:
        return parse_seed(arg, o);
    case OPT_TIMEOUT:
        return parse_timeout(arg, o);
    case OPT_LOG:
        return parse_log(arg, o);
    case OPT_DUMP_DTB:
        o->dump_dtb = arg;
        return true;
    case OPT_SPACES:
        return parse_spaces(arg, &o->spaces);
    case OPT_RESERVED:
        fprintf(stderr, "trapeze: %s is reserved: this build does not have it\n", text);
        return false;
    case ':':
        fprintf(stderr, "trapeze: %s: its value is missing: see trapeze help run\n", text);
        return false;
    case OPT_FIRMWARE:
    case OPT_BOARD_CPU:
    case OPT_BOARD_MEMORY:
    case OPT_BOARD_SMP:
    case OPT_BOARD_ARG:
        return parse_board_option(id, arg, &o->board);
    default:
        fprintf(stderr, "trapeze: %s: no such option: see trapeze help run\n", text);
        return false;
    }
}

/* getopt_long takes the beginning of a name for the name. An option that comes later could then
 * change the meaning of a command line. */
static bool is_whole_name(const char *text, const char *name)
{
    return strncmp(text, "--", 2) == 0 && strcspn(text + 2, "=") == strlen(name);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* What can only be checked with all options known. */
static int finish(struct run_options *o, const char *engine, const struct engine_way **way)
{
    int status = RUN_USAGE;

    if (o->kernel == NULL) {
        fprintf(stderr, "trapeze: no kernel: give --kernel FILE\n");
        return RUN_USAGE;
    }
    if (o->name == NULL)
        o->name = base_name(o->kernel);
    if (o->deterministic && strcmp(engine, "auto") == 0)
        engine = "interp"; /* the only one that can */
    *way = engine_choose(engine, &status);
    if (*way == NULL)
        return status;
    o->engine = (*way)->ops;
    o->board.engine = (*way)->on_board;
    if (o->deterministic && strcmp((*way)->name, "interp") != 0) {
        fprintf(stderr, "trapeze: --deterministic needs --engine interp\n");
        return RUN_USAGE;
    }
    return -1;
}

int options_parse(int argc, char **argv, struct run_options *o, const struct engine_way **way)
{
    const char *engine = "auto";
    /* getopt wants the program's name in front: the caller's argv has `run` there. */
    char **args = argv - 1;

    *o = (struct run_options){.board.firmware = "trapeze",
                              .memory = MEMORY_DEFAULT,
                              .vcpus = 1,
                              .seed = 1,
                              .log = LOG_WARN};
    opterr = 0;
    for (;;) {
        int at = optind, index = -1;
        int id = getopt_long(argc + 1, args, "+:", long_options, &index);
        if (id == -1)
            break;
        if (index >= 0 && !is_whole_name(args[at], long_options[index].name))
            id = '?';
        if (id == OPT_HELP)
            return help_print("run");
        if (!parse_option(id, optarg, args[at], o, &engine))
            return RUN_USAGE;
    }
    if (optind < argc + 1) {
        fprintf(stderr, "trapeze: '%s' is not an option: give --kernel FILE\n", args[optind]);
        return RUN_USAGE;
    }
    return finish(o, engine, way);
}
