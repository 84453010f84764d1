/* The launcher: process 1 of every container. docs/launcher.md says what it does and speaks.

   One thread waits at one place, the loop at the end, for whatever can be read or written; nothing
   blocks but the start of a program. What cannot be sent is kept, and what it came from is not read
   meanwhile. So every buffer has a limit, and who is slow is waited for where the bytes come from.

   In this order: what it remembers, how it waits and ends, memory, the control connection, output,
   doors, forwards, programs, frames, the loop. */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    VERSION = 1,
    USER = 993,
    GROUP = 990,
    HEADER = 8,                       /* bytes of a frame before its payload */
    PIECE = 65536,                    /* bytes that are read at once; what a pipe usually holds */
    ROOM = 1024 * 1024,               /* bytes that a program's pipe holds, if it may */
    ANSWERS = 32768,                  /* bytes of frames that may wait behind a piece of output */
    LONGEST_ANSWER = 4096 - HEADER,   /* bytes of payload */
    LONGEST_START = 4 * 1024 * 1024,  /* bytes of payload */
    LISTENS = 8,
    FORWARDS = 64,
    FLUSHES = 64,                     /* that may wait for their answers */
    DOOR_SECONDS = 3,                 /* for a door to open */
    INHERITED = 256,                  /* descriptors that an engine could have left open */
};

/* ---- What it remembers ---- */

/* The kinds of descriptors, in the order in which those that are ready are served. Forwards come
   first: what a program sent before it ended is read before its end is seen, and a program that
   prints for ever keeps no forward waiting. New connections come last: they may take the place of
   one that was closed, once nothing is left to serve that means that one. */
enum kind { FORWARD, SIGNALS, CONTROL, PIPE, LISTENER, KINDS };

struct end {
    enum kind kind;
    int fd;           /* -1: none */
    uint32_t wanted;  /* what epoll is to tell of */
    void *owner;      /* its forward or listener */
};

struct listener {
    struct end end;
    unsigned char letter;
};

/* One direction of a forward. */
struct flow {
    unsigned char *piece;  /* what was read and not passed on yet; NULL: nothing */
    size_t begin, size;
    uint64_t mark;         /* how much output has to be sent before the piece may be passed on */
    bool held;             /* the piece waits for that */
    bool ended;            /* nothing more comes */
    bool done;             /* and the other side was told */
    bool lost;             /* nobody takes it any more: what comes is dropped */
};

struct forward {
    struct end inner, outer;  /* the container's connection, and ours to the server */
    struct flow up, down;     /* to the server, and from it */
};

static int poller, nothing;  /* the latter is /dev/null */
static struct end signals = {.kind = SIGNALS, .fd = -1};
static struct listener listeners[2 * LISTENS];
static int listening, forwarding;  /* how many there are */
static struct forward forwards[FORWARDS];
static unsigned char shared[PIECE];  /* what was read just now */

static struct {
    struct sockaddr_storage address;
    socklen_t size;
    unsigned char preamble[65];  /* the token, and room for one letter */
    size_t token;                /* bytes */
} door;

static struct {
    struct end end;
    unsigned char header[HEADER], *payload;
    size_t have;  /* bytes of the frame that is being read */
} control = {.end = {.kind = CONTROL, .fd = -1}};

/* What is to be sent to the server. A piece of output is put here only when it is empty. */
static struct {
    unsigned char bytes[HEADER + PIECE + ANSWERS];
    size_t begin, end;
} out;

static struct {
    struct end end;
    bool ended;           /* nobody can write into the pipe any more */
    uint64_t read, sent;  /* bytes, of all programs */
    int flushes;          /* asked for and not answered */
    uint64_t flush_mark;  /* how much has to be read before they are */
} output = {.end = {.kind = PIPE, .fd = -1}};

static struct {
    enum { IDLE, RUNNING, ENDING } state;
    unsigned char number;
    pid_t pid;
    int status;
    bool left;  /* processes are left, of it or of what it started */
    uint64_t kills_before;
} program;

static struct {
    int peak_file, kills_file;
    uint64_t peak, told;
} memory;

/* ---- How it waits and ends ---- */

/* As it is process 1, the kernel ends every process of the container with it. */
static _Noreturn void end_with(int code) {
    _exit(code);
}

static bool is_passing(void) {
    return errno == EAGAIN || errno == EINTR;
}

static void *allocate(size_t size) {
    void *bytes = malloc(size);
    if (bytes == NULL) end_with(ENOMEM);
    return bytes;
}

/* What nothing is wanted of is taken out: epoll tells of hang-ups whether they are wanted or not. */
static void want(struct end *end, uint32_t events) {
    if (events == end->wanted) return;
    int verb = end->wanted == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(poller, verb, end->fd, &event) != 0) end_with(errno);
    end->wanted = events;
}

static void shut(struct end *end) {
    want(end, 0);
    close(end->fd);
    end->fd = -1;
}

static void set_option(int fd, int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);
}

/* ---- Memory ---- */

/* The number behind `words` in a file of a control group's; 0 where there is none. */
static uint64_t read_number(int file, const char *words) {
    char text[512];
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = 0;
    const char *place = strstr(text, words);
    return place == NULL ? 0 : strtoull(place + strlen(words), NULL, 10);
}

/* The files of control groups of version 1, of version 2, and of version 2 before Linux 5.19. */
static void open_memory(void) {
    static const char *const peaks[] = {"/sys/fs/cgroup/memory/memory.max_usage_in_bytes",
                                        "/sys/fs/cgroup/memory.peak",
                                        "/sys/fs/cgroup/memory.current"};
    static const char *const limits[] = {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                         "/sys/fs/cgroup/memory.max"};
    static const char *const kills[] = {"/sys/fs/cgroup/memory/memory.oom_control",
                                        "/sys/fs/cgroup/memory.events"};
    memory.peak_file = memory.kills_file = -1;
    /* Without a limit ("max", or almost 2^63) it is no group of this container's alone. */
    uint64_t limit = 0;
    for (int i = 0; i < 2 && limit == 0; i++) {
        int file = open(limits[i], O_RDONLY | O_CLOEXEC);
        limit = read_number(file, "");
        close(file);
    }
    if (limit == 0 || limit >> 62 != 0) return;
    for (int i = 0; i < 3 && memory.peak_file < 0; i++)
        memory.peak_file = open(peaks[i], O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 2 && memory.kills_file < 0; i++)
        memory.kills_file = open(kills[i], O_RDONLY | O_CLOEXEC);
}

static uint64_t peak_now(void) {
    uint64_t peak = read_number(memory.peak_file, "");
    if (peak > memory.peak) memory.peak = peak;
    return memory.peak;
}

/* How often the kernel has killed in here for lack of memory. */
static uint64_t kills_now(void) {
    return read_number(memory.kills_file, "oom_kill ");
}

/* ---- The control connection ---- */

static void put_number(unsigned char *place, uint64_t number, int bytes) {
    for (int i = 0; i < bytes; i++) place[i] = (unsigned char)(number >> (8 * i));
}

static uint32_t get_number(const unsigned char *place, int bytes) {
    uint32_t number = 0;
    for (int i = 0; i < bytes; i++) number |= (uint32_t)place[i] << (8 * i);
    return number;
}

/* Begins a frame, and returns where its payload goes. */
static unsigned char *put_frame(char kind, unsigned char number, size_t size) {
    unsigned char *frame = out.bytes + out.end;
    if (HEADER + size > sizeof out.bytes - out.end) end_with(ENOBUFS);
    frame[0] = (unsigned char)kind;
    put_number(frame + 1, number, 3);
    put_number(frame + 4, size, 4);
    out.end += HEADER + size;
    return frame + HEADER;
}

static void put_peak(unsigned char *place) {
    memory.told = peak_now();
    put_number(place, memory.told, 8);
}

static bool all_is_sent(void) {
    return out.begin == out.end;
}

static void release_forwards(void);

static void send_out(void) {
    if (all_is_sent()) return;
    while (!all_is_sent()) {
        size_t size = out.end - out.begin;
        ssize_t sent = send(control.end.fd, out.bytes + out.begin, size, MSG_NOSIGNAL);
        if (sent < 0 && is_passing()) return;
        if (sent < 0) end_with(0);  /* the server has gone */
        out.begin += (size_t)sent;
    }
    out.begin = out.end = 0;
    output.sent = output.read;
    release_forwards();
}

/* ---- Output ---- */

static uint64_t unread_output(void) {
    int size = 0;
    if (output.end.fd >= 0) ioctl(output.end.fd, FIONREAD, &size);
    return (uint64_t)size;
}

/* Reads a piece, only where nothing waits to be sent. Returns its size. */
static size_t read_output(void) {
    if (output.end.fd < 0 || !all_is_sent()) return 0;
    ssize_t size = read(output.end.fd, out.bytes + HEADER, PIECE);
    output.ended = size == 0;
    if (size <= 0) return 0;
    put_frame('O', program.number, (size_t)size);
    output.read += (uint64_t)size;
    return (size_t)size;
}

static void answer_flushes(void) {
    if (output.read < output.flush_mark) return;
    for (; output.flushes > 0; output.flushes--) put_peak(put_frame('F', 0, 8));
}

static void move_output(void) {
    read_output();
    answer_flushes();
    send_out();
}

/* Begins to send what was printed up to now, and the peak of memory where it is a new one. Returns
   how much output was sent when all of that was. */
static uint64_t tell_output(void) {
    bool blocked = !all_is_sent();
    size_t size = read_output();
    if (peak_now() != memory.told) put_peak(put_frame('M', 0, 8));
    send_out();
    /* A piece that is not a full one was all there was. */
    return output.read + (blocked || size == PIECE ? unread_output() : 0);
}

/* ---- Doors ---- */

/* Returns a connection, or -1. Where it may not wait, it may be one that is still being made. */
static int dial(bool may_wait) {
    int family = door.address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | (may_wait ? 0 : SOCK_NONBLOCK), 0);
    struct timeval limit = {.tv_sec = DOOR_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (family != AF_UNIX) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (connect(fd, (struct sockaddr *)&door.address, door.size) == 0) return fd;
    int error = errno;
    if (error == EINPROGRESS && !may_wait) return fd;
    close(fd);
    errno = error == EINPROGRESS ? ETIMEDOUT : error;
    return -1;
}

static int open_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    memcpy(&door.address, &address, door.size = sizeof address);
    door.token = 0;
    return dial(true);
}

/* The first address of HOST:PORT that lets us in. */
static int open_tcp(char *place) {
    const char *named = getenv("TASKDOCK_TOKEN"), *token = named == NULL ? "" : named;
    struct addrinfo *found, kind = {.ai_socktype = SOCK_STREAM};
    char *port = strrchr(place, ':');
    int fd = -1;
    errno = EINVAL;
    if (port == NULL) return -1;
    *port++ = 0;
    int unknown = getaddrinfo(place, port, &kind, &found);
    errno = EHOSTUNREACH;
    if (unknown != 0) return -1;
    door.token = strnlen(token, sizeof door.preamble - 1);
    memcpy(door.preamble, token, door.token);
    for (struct addrinfo *one = found; one != NULL && fd < 0; one = one->ai_next) {
        memcpy(&door.address, one->ai_addr, door.size = one->ai_addrlen);
        fd = dial(true);
    }
    return fd;
}

static void open_door(char **doors) {
    int fd = -1;
    errno = EINVAL;
    for (; *doors != NULL && fd < 0; doors++) {
        if (strncmp(*doors, "unix:", 5) == 0) fd = open_unix(*doors + 5);
        else if (strncmp(*doors, "tcp:", 4) == 0) fd = open_tcp(*doors + 4);
    }
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) end_with(errno);
    if (door.address.ss_family != AF_UNIX) {
        /* A server whose machine has vanished is missed after a minute. */
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    }
    control.end.fd = fd;
    memcpy(out.bytes, door.preamble, door.token);
    out.bytes[door.token] = '!';
    out.end = door.token + 1;
    put_number(put_frame('H', 0, 4), VERSION, 4);
}

/* ---- Forwards ---- */

/* While there is no place for one more, connections wait in the kernel's queue. */
static void want_connections(void) {
    for (int i = 0; i < listening; i++)
        want(&listeners[i].end, forwarding < FORWARDS ? EPOLLIN : 0);
}

static void close_forward(struct forward *forward) {
    shut(&forward->inner);
    shut(&forward->outer);
    free(forward->up.piece);
    free(forward->down.piece);
    forward->up.held = false;
    if (forwarding-- == FORWARDS) want_connections();
}

static void drop_piece(struct flow *flow) {
    free(flow->piece);
    flow->piece = NULL;
    flow->held = false;
}

static void lose(struct flow *flow) {
    drop_piece(flow);
    flow->lost = true;
}

static void take_piece(struct flow *flow, const unsigned char *bytes, size_t size) {
    if (flow->lost) return;
    flow->piece = memcpy(allocate(size), bytes, size);
    flow->begin = 0;
    flow->size = size;
}

static void pass_on(struct flow *flow, int to) {
    if (flow->piece == NULL || flow->held) return;
    ssize_t sent = send(to, flow->piece + flow->begin, flow->size - flow->begin, MSG_NOSIGNAL);
    if (sent < 0 && is_passing()) return;
    if (sent < 0) lose(flow);
    else flow->begin += (size_t)sent;
    if (flow->begin == flow->size) drop_piece(flow);
}

static void end_flow(struct flow *flow, int to) {
    if (!flow->ended || flow->done || flow->piece != NULL) return;
    shutdown(to, SHUT_WR);
    flow->done = true;
}

/* Brings a forward in order after anything has happened to it. What the server will not take any
   more is still read, and dropped: if we closed a connection with bytes unread, the kernel would
   reset it, and the server's last answer would be lost. Who has ended is answered no more once its
   program has: the end of a program leaves nobody behind. */
static void settle(struct forward *forward) {
    struct flow *up = &forward->up, *down = &forward->down;
    end_flow(up, forward->outer.fd);
    end_flow(down, forward->inner.fd);
    if (down->lost || (up->done && (down->done || program.state == IDLE))) {
        close_forward(forward);
        return;
    }
    uint32_t read_inner = up->ended || up->piece != NULL ? 0 : EPOLLIN;
    uint32_t read_outer = down->ended || down->piece != NULL ? 0 : EPOLLIN;
    uint32_t write_inner = down->piece != NULL ? EPOLLOUT : 0;
    uint32_t write_outer = up->piece != NULL && !up->held ? EPOLLOUT : 0;
    want(&forward->inner, read_inner | write_inner);
    want(&forward->outer, read_outer | write_outer);
}

/* What a program has sent stays until all is sent that it had printed before. */
static void hold(struct flow *up) {
    up->mark = tell_output();
    up->held = up->piece != NULL && (!all_is_sent() || output.sent < up->mark);
}

/* Output was sent. */
static void release_forwards(void) {
    for (int i = 0; forwarding > 0 && i < FORWARDS; i++) {
        struct forward *forward = &forwards[i];
        if (!forward->up.held || output.sent < forward->up.mark) continue;
        forward->up.held = false;
        pass_on(&forward->up, forward->outer.fd);
        settle(forward);
    }
}

static void serve_forward(struct forward *forward, struct end *end) {
    bool is_inner = end == &forward->inner;
    struct flow *in = is_inner ? &forward->up : &forward->down;
    struct flow *back = is_inner ? &forward->down : &forward->up;
    bool may_read = (end->wanted & EPOLLIN) != 0;
    pass_on(back, end->fd);
    ssize_t size = may_read ? recv(end->fd, shared, PIECE, 0) : 1;
    bool broken = size < 0 && !is_passing();
    if (broken) lose(back);
    if (broken || size == 0) in->ended = true;
    if (may_read && size > 0) {
        take_piece(in, shared, (size_t)size);
        if (is_inner) hold(in);
        pass_on(in, is_inner ? forward->outer.fd : forward->inner.fd);
    }
    settle(forward);
}

static void accept_connection(struct listener *listener) {
    if (forwarding == FORWARDS) return;  /* another listener has just taken the last place */
    int inner = accept4(listener->end.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (inner < 0) return;
    int outer = dial(false);
    if (outer < 0) {
        close(inner);
        return;
    }
    set_option(inner, IPPROTO_TCP, TCP_NODELAY, 1);
    struct forward *forward = forwards;
    while (forward->inner.fd >= 0) forward++;
    *forward = (struct forward){.inner = {FORWARD, inner, 0, forward},
                                .outer = {FORWARD, outer, 0, forward}};
    if (++forwarding == FORWARDS) want_connections();
    door.preamble[door.token] = listener->letter;
    take_piece(&forward->up, door.preamble, door.token + 1);
    pass_on(&forward->up, outer);
    settle(forward);
}

/* Returns 0 or an errno. */
static int add_listener(const void *address, socklen_t size, int family, unsigned char letter) {
    struct listener *listener = &listeners[listening];
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, address, size) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;
        close(fd);
        return error;
    }
    *listener = (struct listener){{LISTENER, fd, 0, listener}, letter};
    listening++;
    return 0;
}

static void start_listening(uint16_t port, unsigned char letter) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    static int asked;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    if (++asked > LISTENS) end_with(EPROTO);
    int error = add_listener(&v4, sizeof v4, AF_INET, letter);
    if (error != 0) end_with(error);
    add_listener(&v6, sizeof v6, AF_INET6, letter);  /* not every container has IPv6 */
    want_connections();
}

/* ---- Programs ---- */

struct start {
    char **candidates, **arguments, **variables;  /* each ends with NULL */
    char *folder;                                 /* NULL: the launcher's own */
};

/* Sorts the items of an `S`. The arrays are in one block, that of the candidates. */
static struct start read_items(char *items, size_t size) {
    size_t most = 2;  /* in one array: of all items, a program's name and NULL */
    if (size == 0 || items[size - 1] != 0) end_with(EPROTO);
    for (size_t i = 0; i < size; i++) most += items[i] == 0;
    char **candidate = memset(allocate(3 * most * sizeof(char *)), 0, 3 * most * sizeof(char *));
    char **argument = candidate + most, **variable = candidate + 2 * most;
    struct start start = {candidate, argument, variable, NULL};
    argument++;  /* the first will be the program's name */
    for (char *item = items; item < items + size; item += strlen(item) + 1) {
        if (*item == 'c') *candidate++ = item + 1;
        else if (*item == 'a') *argument++ = item + 1;
        else if (*item == 'e') *variable++ = item + 1;
        else if (*item == 'd' && start.folder == NULL) start.folder = item + 1;
        else end_with(EPROTO);
    }
    if (start.candidates[0] == NULL) end_with(EPROTO);
    return start;
}

static bool is_file(const char *path) {
    struct stat facts;
    if (stat(path, &facts) != 0) return false;
    errno = EISDIR;
    return !S_ISDIR(facts.st_mode);
}

/* Looks for a name in the folders of PATH, as execvp does: what may not be executed is taken only
   where nothing else is found. An empty folder is the one that we are in. */
static bool look_up(const char *name, char **variables, char found[PATH_MAX]) {
    char path[PATH_MAX];
    bool any = false, may_run = false;
    while (*variables != NULL && strncmp(*variables, "PATH=", 5) != 0) variables++;
    const char *folder = *variables == NULL ? NULL : *variables + 5;
    while (folder != NULL && !may_run) {
        size_t length = strcspn(folder, ":");
        strcpy(path, ".");
        if (length + strlen(name) + 3 <= sizeof path) {
            char *end = length > 0 ? mempcpy(path, folder, length) : path + 1;
            strcpy(stpcpy(end, "/"), name);
        }
        bool is_there = is_file(path);
        may_run = is_there && access(path, X_OK) == 0;
        if (may_run || (is_there && !any)) strcpy(found, path);
        any = any || is_there;
        folder = folder[length] == ':' ? folder + length + 1 : NULL;
    }
    errno = ENOENT;
    return any;
}

/* Writes the payload of an `N` to `place`, and returns its size. */
static size_t put_failure(unsigned char place[LONGEST_ANSWER], char step, const char *path) {
    size_t length = strnlen(path, LONGEST_ANSWER - 5);
    place[0] = (unsigned char)step;
    put_number(place + 1, (uint32_t)errno, 4);
    memcpy(place + 5, path, length);
    return 5 + length;
}

static _Noreturn void fail(int report, char step, const char *path) {
    unsigned char payload[LONGEST_ANSWER];
    size_t size = put_failure(payload, step, path);
    _exit(write(report, payload, size) != (ssize_t)size);
}

/* Takes the first candidate that is there. Where none is, the first is the one to be missed. */
static _Noreturn void run_candidate(struct start *start, int report) {
    char found[PATH_MAX];
    int error = 0;
    for (char **candidate = start->candidates; *candidate != NULL; candidate++) {
        bool is_path = strchr(*candidate, '/') != NULL;
        const char *path = is_path ? *candidate : found;
        if (is_path ? is_file(path) : look_up(*candidate, start->variables, found)) {
            start->arguments[0] = *candidate;
            execve(path, start->arguments, start->variables);
            fail(report, 'p', path);
        }
        if (error == 0) error = errno;
    }
    errno = error;
    fail(report, 'm', start->candidates[0]);
}

/* Some engines let capabilities be inherited: harmless, but to be seen. So they are given up too. */
static bool become_user(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(GROUP) != 0 || setuid(USER) != 0))
        return false;
    return syscall(SYS_capset, &header, none) == 0;
}

/* AWS's limits; not through the engine, since some add limits of their own to those. Where the
   container has less, that stays: to raise one would take a privilege. */
static void limit_program(void) {
    static const struct { int what; struct rlimit limit; } limits[] = {
        {RLIMIT_NOFILE, {1024, 1024}},
        {RLIMIT_CORE, {10737418240, 10737418240}},
        {RLIMIT_MEMLOCK, {65536, 65536}},
        {RLIMIT_STACK, {8388608, RLIM_INFINITY}},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit now, limit = limits[i].limit;
        if (getrlimit(limits[i].what, &now) != 0) continue;
        if (limit.rlim_max > now.rlim_max) limit.rlim_max = now.rlim_max;
        if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
        setrlimit(limits[i].what, &limit);
    }
}

static void reset_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. The folder comes after the user: it has to be one that this user may enter. What
   else is open closes itself when the program begins. */
static _Noreturn void become_program(struct start *start, int printed, int report) {
    setsid();
    if (dup2(nothing, 0) < 0 || dup2(printed, 1) < 0 || dup2(printed, 2) < 0
        || !become_user())
        fail(report, 'p', start->candidates[0]);
    if (start->folder != NULL && chdir(start->folder) != 0) fail(report, 'd', start->folder);
    reset_signals();
    limit_program();
    run_candidate(start, report);
}

/* Returns the size of the payload of an `N` in `why`; 0: the program has begun. Its pipe is open to
   all: programs open /dev/stdout again, as another user than the one whose pipe it is. */
static size_t begin(struct start *start, unsigned char why[LONGEST_ANSWER]) {
    int printed[2] = {-1, -1}, report[2] = {-1, -1};
    bool ready = pipe2(printed, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0
                 && fcntl(printed[0], F_SETFL, O_NONBLOCK) == 0 && fchmod(printed[1], 0666) == 0;
    /* What a program still holds back after its last request, as Node.js does, is less with room. */
    fcntl(printed[1], F_SETPIPE_SZ, ROOM);
    program.pid = ready ? fork() : -1;
    if (program.pid == 0) become_program(start, printed[1], report[1]);
    size_t size = program.pid < 0 ? put_failure(why, 'p', start->candidates[0]) : 0;
    close(printed[1]);
    close(report[1]);
    if (size == 0) {  /* one write, or the end when the program begins */
        ssize_t got = read(report[0], why, LONGEST_ANSWER);
        size = got > 0 ? (size_t)got : 0;
    }
    close(report[0]);
    output.end.fd = printed[0];
    if (size > 0) shut(&output.end);
    output.ended = false;
    return size;
}

static void start_program(unsigned char number, char *items, size_t size) {
    unsigned char why[LONGEST_ANSWER];
    if (program.state != IDLE) return;
    struct start start = read_items(items, size);
    program.kills_before = kills_now();
    size_t failure = begin(&start, why);
    free(start.candidates);
    if (failure > 0) {
        memcpy(put_frame('N', number, failure), why, failure);
        return;
    }
    program.number = number;
    program.state = RUNNING;
    program.left = true;
}

static void end_program(void) {
    kill(-1, SIGKILL);
    if (program.state == RUNNING) program.state = ENDING;
}

/* Takes leave of every process that has ended, also of those whose parents ended before them. */
static void reap(void) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (program.state == IDLE || pid != program.pid) continue;
        program.status = status;
        program.state = ENDING;
    }
    program.left = pid == 0;
    if (program.state == ENDING && program.left) kill(-1, SIGKILL);
}

/* Where a program has ended and nothing is left of it, reads the rest of its output and says so. */
static void finish_program(void) {
    if (program.state != ENDING || program.left) return;
    do {
        send_out();
        if (!all_is_sent()) return;  /* again when it is */
    } while (read_output() > 0);
    answer_flushes();
    unsigned char *payload = put_frame('E', program.number, 16);
    put_number(payload, (uint32_t)program.status, 4);
    put_number(payload + 4, kills_now() - program.kills_before, 4);
    put_peak(payload + 8);
    shut(&output.end);
    program.state = IDLE;
    for (int i = 0; i < FORWARDS; i++)
        if (forwards[i].inner.fd >= 0) settle(&forwards[i]);
}

/* ---- Frames ---- */

static int64_t limit_of(unsigned char kind) {
    if (kind == 'L') return 3;
    if (kind == 'S') return LONGEST_START;
    return kind != 0 && strchr("KZWF", kind) != NULL ? 0 : -1;  /* an unknown one is too long */
}

static void obey(unsigned char kind, unsigned char number, unsigned char *payload, size_t size) {
    if (kind == 'S') start_program(number, (char *)payload, size);
    if (kind == 'K') end_program();
    if (kind == 'Z') kill(-1, SIGSTOP);
    if (kind == 'W') kill(-1, SIGCONT);
    if (kind == 'F') {
        output.flushes++;
        output.flush_mark = output.read + unread_output();
        move_output();
    }
    if (kind == 'L') {
        if (size != 3) end_with(EPROTO);
        start_listening((uint16_t)get_number(payload, 2), payload[2]);
    }
}

/* Only while there is room for the answer. */
static bool may_read_frames(void) {
    return out.end < HEADER + PIECE + ANSWERS / 2 && output.flushes < FLUSHES;
}

/* Whether the frame is `wanted` bytes long now, or longer. */
static bool receive_up_to(size_t wanted, unsigned char *place) {
    if (control.have >= wanted) return true;
    ssize_t size = recv(control.end.fd, place, wanted - control.have, 0);
    if (size < 0 && is_passing()) return false;
    if (size <= 0) end_with(size == 0 && control.have > 0 ? EPROTO : 0);
    control.have += (size_t)size;
    return control.have == wanted;
}

/* Reads one frame at most; epoll tells of the next. */
static void serve_control(void) {
    const unsigned char *header = control.header;
    send_out();
    if (!may_read_frames() || !receive_up_to(HEADER, control.header + control.have)) return;
    size_t size = get_number(header + 4, 4);
    if ((int64_t)size > limit_of(header[0]) || get_number(header + 2, 2) != 0) end_with(EPROTO);
    if (control.payload == NULL && size > 0) control.payload = allocate(size);
    if (!receive_up_to(HEADER + size, control.payload + (control.have - HEADER))) return;
    obey(header[0], header[1], control.payload, size);
    free(control.payload);
    control.payload = NULL;
    control.have = 0;
}

/* ---- The loop ---- */

static void serve_signal(void) {
    struct signalfd_siginfo signal;
    if (read(signals.fd, &signal, sizeof signal) != sizeof signal) return;
    if (signal.ssi_signo != SIGCHLD) end_with(0);
    reap();
}

static void serve(struct end *end, uint32_t events) {
    if (end->fd < 0) return;  /* it was closed a moment ago */
    switch (end->kind) {
    case FORWARD: serve_forward(end->owner, end); break;
    case SIGNALS: serve_signal(); break;
    case CONTROL:
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 && !may_read_frames()) end_with(0);
        serve_control();
        break;
    case PIPE: move_output(); break;
    case LISTENER: accept_connection(end->owner); break;
    case KINDS: break;
    }
}

static _Noreturn void loop(void) {
    struct epoll_event events[2 * FORWARDS + 2 * LISTENS + 3];
    for (;;) {
        finish_program();
        send_out();
        want(&control.end, (may_read_frames() ? EPOLLIN : 0) | (all_is_sent() ? 0 : EPOLLOUT));
        if (output.end.fd >= 0) want(&output.end, all_is_sent() && !output.ended ? EPOLLIN : 0);
        int count = epoll_wait(poller, events, sizeof events / sizeof *events, -1);
        if (count < 0 && errno != EINTR) end_with(errno);
        for (int kind = 0; kind < KINDS; kind++)
            for (int i = 0; i < count; i++) {
                struct end *end = events[i].data.ptr;
                if ((int)end->kind == kind) serve(end, events[i].events);
            }
    }
}

static void catch_signals(void) {
    /* Nothing is said of processes that are stopped or go on. */
    struct sigaction ends_only = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
    sigset_t caught;
    sigaction(SIGCHLD, &ends_only, NULL);
    sigemptyset(&caught);
    sigaddset(&caught, SIGCHLD);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGINT);
    sigprocmask(SIG_BLOCK, &caught, NULL);
    signals.fd = signalfd(-1, &caught, SFD_NONBLOCK | SFD_CLOEXEC);
    want(&signals, EPOLLIN);
}

/* 0, 1 and 2 are taken, lest one of ours be; what else there is stays the launcher's. */
static void tidy_descriptors(void) {
    do nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (nothing >= 0 && nothing <= 2);
    for (int fd = 3; fd < INHERITED; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int main(int count, char **arguments) {
    if (getpid() != 1) end_with(EPERM);  /* elsewhere, its signals to all would reach others too */
    for (int i = 0; i < FORWARDS; i++) forwards[i].inner.fd = forwards[i].outer.fd = -1;
    tidy_descriptors();
    chmod("/tmp", 01777);  /* a volume is root's alone where the image has no such folder */
    poller = epoll_create1(EPOLL_CLOEXEC);
    catch_signals();
    open_memory();
    open_door(arguments + (count > 0));
    loop();
}
