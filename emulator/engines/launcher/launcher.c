/* The launcher: process 1 of every container. docs/launcher.md says what it does and speaks.

   One thread waits at one place, the loop at the end; nothing blocks but the start of a program,
   and for a moment the connecting to a port in here.
   What cannot be sent is kept, and what it came from is not read meanwhile: so every buffer has a
   limit. As it is process 1, the kernel ends every process of the container with it. */

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
    VERSION = 2,
    USER = 993,
    GROUP = 990,
    HEADER = 8,                       /* bytes of a frame before its payload */
    PIECE = 65536,                    /* bytes that are read at once; what a pipe usually holds */
    ANSWERS = 32768,                  /* bytes of frames that may wait behind a piece of output */
    LONGEST_ANSWER = 4096 - HEADER,   /* bytes of payload */
    LONGEST_START = 4 * 1024 * 1024,  /* bytes of payload */
    LISTENS = 8,
    FORWARDS = 64,
    FLUSHES = 64,                     /* that may wait for their answers */
    DOOR_SECONDS = 3,                 /* for a door to open */
    CONNECT_MICROSECONDS = 200000,    /* for a port in here to answer */
    INHERITED = 256,                  /* descriptors that an engine could have left open */
};

/* ---- What it remembers ---- */

/* The kinds of descriptors, in the order in which those that are ready are served. Forwards come
   before output: a program that prints for ever keeps none of them waiting. New connections come
   last: they may take the place of one that was closed, once nothing is left that means that one. */
enum kind { FORWARD, SIGNALS, CONTROL, PIPE, LISTENER, KINDS };

struct end {
    enum kind kind;
    int fd;                   /* -1: none */
    uint32_t wanted;          /* what epoll is to tell of */
    struct forward *forward;  /* the one that it belongs to */
    unsigned char letter;     /* of a listener's forwards */
};

/* One direction of a forward. */
struct flow {
    unsigned char *piece;  /* what was read and not passed on yet; NULL: nothing */
    size_t begin, size;
    uint64_t mark;         /* how much output has to be sent before the piece may be passed on */
    bool held;             /* the piece waits for that */
    bool ended;            /* nothing more comes */
    bool lost;             /* nobody takes it any more: what comes is dropped */
};

struct forward {
    struct end inner, outer;  /* the container's connection, and ours to the server */
    struct flow up, down;     /* to the server, and from it */
};

/* As it is sent: both machines that it is built for are little-endian, as frames are. */
struct header {
    unsigned char kind, number;
    uint16_t zero;
    uint32_t size;  /* of the payload */
};

static int poller, nothing;  /* the latter is /dev/null */
static struct end signals = {.kind = SIGNALS, .fd = -1};
static struct end listeners[2 * LISTENS];
static int listening, forwarding;  /* how many there are */
static struct forward forwards[FORWARDS];

static struct {
    struct sockaddr_storage address;
    socklen_t size;
    unsigned char preamble[65];  /* the token, and room for one letter */
    size_t token;                /* bytes */
} door;

static struct {
    struct end end;
    struct header header;
    char *payload;
    size_t have;  /* bytes of the frame that is being read */
} control = {.end = {.kind = CONTROL, .fd = -1}};

/* What is to be sent to the server. A piece of output is put here only when it is empty. */
static struct {
    unsigned char bytes[HEADER + PIECE + ANSWERS];
    size_t begin, end;
} out;

static struct {
    struct end end;       /* none once nobody can write into the pipe any more */
    uint64_t read;        /* bytes, of all programs; where all is sent, so many were sent too */
    int flushes;          /* asked for and not answered */
    uint64_t flush_mark;  /* how much has to be read before they are */
} output = {.end = {.kind = PIPE, .fd = -1}};

static struct {
    enum { IDLE, RUNNING, ENDING } state;
    unsigned char number;
    pid_t pid;
    int status;
    bool left;  /* processes are left, of it or of what it started */
    uint32_t kills_before;
} program;

static struct {
    int limit_file, peak_file, kills_file;
    uint64_t peak, told;
} memory = {-1, -1, -1, 0, 0};

/* ---- How it waits, and what it measures ---- */

static bool is_passing(void) {
    return errno == EAGAIN || errno == EINTR;
}

static void *allocate(size_t size) {
    void *bytes = malloc(size);
    if (bytes == NULL) _exit(ENOMEM);
    return bytes;
}

/* What nothing is wanted of is taken out: epoll tells of hang-ups whether they are wanted or not. */
static void want(struct end *end, uint32_t events) {
    if (events == end->wanted) return;
    int verb = end->wanted == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(poller, verb, end->fd, &event) != 0) _exit(errno);
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

/* The number behind `words` in a file of a control group's; 0 where there is none. */
static uint64_t read_number(int file, const char *words) {
    char text[512];
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = 0;
    const char *place = strstr(text, words);
    return place == NULL ? 0 : strtoull(place + strlen(words), NULL, 10);
}

/* Of control groups of version 1, of version 2, and of version 2 before Linux 5.19. Without a limit
   ("max", or almost 2^63) it is no group of this container's alone. */
static void open_memory(void) {
    static const struct { int *file; const char *path; } places[] = {
        {&memory.limit_file, "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
        {&memory.limit_file, "/sys/fs/cgroup/memory.max"},
        {&memory.peak_file, "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"},
        {&memory.peak_file, "/sys/fs/cgroup/memory.peak"},
        {&memory.peak_file, "/sys/fs/cgroup/memory.current"},
        {&memory.kills_file, "/sys/fs/cgroup/memory/memory.oom_control"},
        {&memory.kills_file, "/sys/fs/cgroup/memory.events"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (*places[i].file < 0) *places[i].file = open(places[i].path, O_RDONLY | O_CLOEXEC);
    uint64_t limit = read_number(memory.limit_file, "");
    if (limit == 0 || limit >> 62 != 0) memory.peak_file = memory.kills_file = -1;
}

static uint64_t peak_now(void) {
    uint64_t peak = read_number(memory.peak_file, "");
    if (peak > memory.peak) memory.peak = peak;
    return memory.peak;
}

/* How often the kernel has killed in here for lack of memory. */
static uint32_t kills_now(void) {
    return (uint32_t)read_number(memory.kills_file, "oom_kill ");
}

/* ---- The control connection, and output ---- */

/* `payload` is NULL where it is in its place already, behind what waits and the header. */
static void put_frame(char kind, unsigned char number, const void *payload, size_t size) {
    struct header header = {(unsigned char)kind, number, 0, (uint32_t)size};
    unsigned char *frame = out.bytes + out.end;
    if (HEADER + size > sizeof out.bytes - out.end) _exit(ENOBUFS);
    memcpy(frame, &header, HEADER);
    if (payload != NULL) memcpy(frame + HEADER, payload, size);
    out.end += HEADER + size;
}

static void put_peak(char kind) {
    memory.told = peak_now();
    put_frame(kind, 0, &memory.told, sizeof memory.told);
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
        if (sent < 0) _exit(0);  /* the server has gone */
        out.begin += (size_t)sent;
    }
    out.begin = out.end = 0;
    release_forwards();
}

static uint64_t unread_output(void) {
    int size = 0;
    if (output.end.fd >= 0) ioctl(output.end.fd, FIONREAD, &size);
    return (uint64_t)size;
}

/* Reads a piece, only where nothing waits to be sent. Returns its size. */
static size_t read_output(void) {
    if (output.end.fd < 0 || !all_is_sent()) return 0;
    ssize_t size = read(output.end.fd, out.bytes + HEADER, PIECE);
    if (size == 0) shut(&output.end);
    if (size <= 0) return 0;
    put_frame('O', program.number, NULL, (size_t)size);
    output.read += (uint64_t)size;
    return (size_t)size;
}

static void answer_flushes(void) {
    if (output.read < output.flush_mark) return;
    for (; output.flushes > 0; output.flushes--) put_peak('F');
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
    if (peak_now() != memory.told) put_peak('M');
    send_out();
    /* A piece that is not a full one was all there was. */
    return output.read + (blocked || size == PIECE ? unread_output() : 0);
}

/* ---- Doors ---- */

/* Returns a connection, or -1. Where it may not wait, it may be one that is still being made. What
   is for TCP alone does nothing to a Unix socket. */
static int dial(bool may_wait) {
    int kind = SOCK_STREAM | SOCK_CLOEXEC | (may_wait ? 0 : SOCK_NONBLOCK);
    int fd = socket(door.address.ss_family, kind, 0);
    struct timeval limit = {.tv_sec = DOOR_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (connect(fd, (struct sockaddr *)&door.address, door.size) == 0) return fd;
    if (errno == EINPROGRESS && !may_wait) return fd;
    if (errno == EINPROGRESS) errno = ETIMEDOUT;
    close(fd);
    return -1;
}

static int open_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    memcpy(&door.address, &address, door.size = sizeof address);
    return dial(true);
}

/* The first address of HOST:PORT that lets us in. */
static int open_tcp(char *place) {
    struct addrinfo *found = NULL, kind = {.ai_socktype = SOCK_STREAM};
    char *port = strrchr(place, ':');
    int fd = -1;
    errno = EINVAL;
    if (port == NULL) return -1;
    *port++ = 0;
    if (getaddrinfo(place, port, &kind, &found) != 0) errno = EHOSTUNREACH;
    for (; found != NULL && fd < 0; found = found->ai_next) {
        memcpy(&door.address, found->ai_addr, door.size = found->ai_addrlen);
        fd = dial(true);
    }
    return fd;
}

static void open_door(char **doors) {
    const char *token = getenv("TASKDOCK_TOKEN");
    int fd = -1;
    errno = EINVAL;
    for (; *doors != NULL && fd < 0; doors++) {
        if (strncmp(*doors, "unix:", 5) == 0) fd = open_unix(*doors + 5);
        else if (strncmp(*doors, "tcp:", 4) == 0) fd = open_tcp(*doors + 4);
    }
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) _exit(errno);
    if (token == NULL || door.address.ss_family == AF_UNIX) token = "";
    door.token = strnlen(token, sizeof door.preamble - 1);
    memcpy(door.preamble, token, door.token);
    /* A server whose machine has vanished is missed after a minute. */
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    control.end.fd = fd;
    memcpy(out.bytes, door.preamble, door.token);
    out.bytes[door.token] = '!';
    out.end = door.token + 1;
    put_frame('H', 0, &(uint32_t){VERSION}, 4);
}

/* ---- Forwards ---- */

static void close_forward(struct forward *forward) {
    shut(&forward->inner);
    shut(&forward->outer);
    free(forward->up.piece);
    free(forward->down.piece);
    forward->up.held = false;
    forwarding--;
}

static void take_piece(struct flow *flow, const unsigned char *bytes, size_t size) {
    flow->piece = memcpy(allocate(size), bytes, size);
    flow->begin = 0;
    flow->size = size;
}

static void drop_piece(struct flow *flow) {
    free(flow->piece);
    flow->piece = NULL;
    flow->held = false;
}

static void pass_on(struct flow *flow, int to) {
    if (flow->piece == NULL || flow->held) return;
    ssize_t sent = send(to, flow->piece + flow->begin, flow->size - flow->begin, MSG_NOSIGNAL);
    if (sent < 0) flow->lost = flow->lost || !is_passing();
    else flow->begin += (size_t)sent;
    if (flow->lost || flow->begin == flow->size) drop_piece(flow);
}

/* Brings a forward in order after anything has happened to it. What the server will not take any
   more is still read, and dropped: if we closed a connection with bytes unread, the kernel would
   reset it, and the server's last answer would be lost. Who has ended is answered no more once its
   program has: the end of a program leaves nobody behind. */
static void settle(struct forward *forward) {
    struct flow *up = &forward->up, *down = &forward->down;
    if (up->lost) drop_piece(up);
    bool up_done = up->ended && up->piece == NULL, down_done = down->ended && down->piece == NULL;
    if (up_done) shutdown(forward->outer.fd, SHUT_WR);
    if (down_done) shutdown(forward->inner.fd, SHUT_WR);
    if (down->lost || (up_done && (down_done || program.state == IDLE))) {
        close_forward(forward);
        return;
    }
    bool reads_inner = !up->ended && up->piece == NULL, writes_inner = down->piece != NULL;
    bool reads_outer = !down->ended && !writes_inner, writes_outer = up->piece != NULL && !up->held;
    want(&forward->inner, (reads_inner ? EPOLLIN : 0) | (writes_inner ? EPOLLOUT : 0));
    want(&forward->outer, (reads_outer ? EPOLLIN : 0) | (writes_outer ? EPOLLOUT : 0));
}

/* Some output was sent. */
static void release_forwards(void) {
    for (int i = 0; forwarding > 0 && i < FORWARDS; i++) {
        struct forward *forward = &forwards[i];
        if (!forward->up.held || output.read < forward->up.mark) continue;
        forward->up.held = false;
        pass_on(&forward->up, forward->outer.fd);
        settle(forward);
    }
}

/* What a program has sent stays until all is sent that it had printed before. */
static void serve_forward(struct forward *forward, struct end *end) {
    static unsigned char bytes[PIECE];
    bool is_inner = end == &forward->inner;
    struct flow *in = is_inner ? &forward->up : &forward->down;
    struct flow *back = is_inner ? &forward->down : &forward->up;
    pass_on(back, end->fd);
    if ((end->wanted & EPOLLIN) != 0) {
        ssize_t size = recv(end->fd, bytes, PIECE, 0);
        bool is_broken = size < 0 && !is_passing();
        in->ended = is_broken || size == 0;
        back->lost = back->lost || is_broken;
        if (size > 0) take_piece(in, bytes, (size_t)size);
        if (size > 0 && is_inner) in->mark = tell_output();
        in->held = size > 0 && is_inner && (!all_is_sent() || output.read < in->mark);
        pass_on(in, is_inner ? forward->outer.fd : forward->inner.fd);
    }
    settle(forward);
}

/* Connects `inner` with the server, by a forward of this letter. Both close where it is refused. */
static bool open_forward(int inner, unsigned char letter) {
    int outer = inner < 0 ? -1 : dial(false);
    if (outer < 0) {
        close(inner);
        return false;
    }
    set_option(inner, IPPROTO_TCP, TCP_NODELAY, 1);
    struct forward *forward = forwards;
    while (forward->inner.fd >= 0) forward++;
    *forward = (struct forward){.inner = {FORWARD, inner, 0, forward, 0},
                                .outer = {FORWARD, outer, 0, forward, 0}};
    forwarding++;
    door.preamble[door.token] = letter;
    take_piece(&forward->up, door.preamble, door.token + 1);
    pass_on(&forward->up, outer);
    settle(forward);
    return true;
}

static void accept_connection(const struct end *listener) {
    if (forwarding == FORWARDS) return;  /* another listener has just taken the last place */
    int inner = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    open_forward(inner, listener->letter);
}

/* Connects the server with a port in here, or says why not. The kernel answers for a port of
   loopback at once; the limit is for one whose queue is full. */
static void connect_inside(uint16_t port, unsigned char letter) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_usec = CONNECT_MICROSECONDS};
    struct __attribute__((packed)) { unsigned char letter; int error; } refused = {letter, EAGAIN};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (forwarding < FORWARDS) {
        int inner = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(inner, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(inner, (struct sockaddr *)&place, sizeof place) == 0
            && fcntl(inner, F_SETFL, O_NONBLOCK) == 0) {
            if (open_forward(inner, letter)) return;
        } else {
            refused.error = errno;
            close(inner);
        }
    }
    put_frame('D', 0, &refused, sizeof refused);
}

static void start_listening(uint16_t port, unsigned char letter) {
    static int asked;
    union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } places[2] = {
        {.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}},
        {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}},
    };
    places[0].v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    places[1].v6.sin6_addr = in6addr_loopback;
    if (++asked > LISTENS) _exit(EPROTO);
    for (int i = 0; i < 2; i++) {
        int fd = socket(places[i].any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (bind(fd, &places[i].any, sizeof places[i]) == 0 && listen(fd, SOMAXCONN) == 0)
            listeners[listening++] = (struct end){LISTENER, fd, 0, NULL, letter};
        else if (i == 0) _exit(errno);
        else close(fd);  /* not every container has IPv6 */
    }
}

/* ---- Programs ---- */

struct start {
    char **candidates, **arguments, **variables;  /* each ends with NULL */
    char *folder;                                 /* NULL: the launcher's own */
};

/* Sorts the items of an `S`. The arrays are in one block, that of the candidates. */
static struct start read_items(char *items, size_t size) {
    size_t most = 2;  /* in one array: of all items, a program's name and NULL */
    if (size == 0 || items[size - 1] != 0) _exit(EPROTO);
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
        else _exit(EPROTO);
    }
    if (start.candidates[0] == NULL) _exit(EPROTO);
    return start;
}

static bool is_file(const char *path) {
    struct stat facts;
    if (stat(path, &facts) != 0) return false;
    errno = EISDIR;
    return !S_ISDIR(facts.st_mode);
}

/* Looks for a name in the folders of PATH. An empty folder is the one that we are in. */
static bool look_up(const char *name, const char *folders, int mode, char found[PATH_MAX]) {
    while (folders != NULL) {
        size_t length = strcspn(folders, ":");
        if (length + strlen(name) + 3 <= PATH_MAX) {
            char *end = length > 0 ? mempcpy(found, folders, length) : stpcpy(found, ".");
            strcpy(stpcpy(end, "/"), name);
            if (is_file(found) && access(found, mode) == 0) return true;
        }
        folders = folders[length] == ':' ? folders + length + 1 : NULL;
    }
    errno = ENOENT;
    return false;
}

/* Takes the first candidate that is there; where none is, the first is the one to be missed. What
   may not be executed is taken only where nothing else is found, as execvp does. */
static char run_candidate(struct start *start, const char **path) {
    static char found[PATH_MAX];
    int error = 0;
    environ = start->variables;
    const char *folders = getenv("PATH");
    for (char **candidate = start->candidates; *candidate != NULL; candidate++) {
        bool is_path = strchr(*candidate, '/') != NULL;
        if (is_path ? is_file(*candidate) : look_up(*candidate, folders, X_OK, found)
                                            || look_up(*candidate, folders, F_OK, found)) {
            start->arguments[0] = *candidate;
            *path = is_path ? *candidate : found;
            execv(*path, start->arguments);
            return 'p';
        }
        if (error == 0) error = errno;
    }
    errno = error;
    return 'm';
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

/* In the child; returns only where it fails: the step, and the path where it is not the first
   candidate's. The folder comes after the user, who has to be one that may enter it. What else is
   open closes itself when the program begins. */
static char become_program(struct start *start, int printed, const char **path) {
    static const uint64_t usual[4], none[1];  /* the kernel's sigaction of SIG_DFL, and sigset */
    setsid();
    if (dup2(nothing, 0) < 0 || dup2(printed, 1) < 0 || dup2(printed, 2) < 0) return 'p';
    if (!become_user()) return 'p';
    if (start->folder != NULL && chdir(start->folder) != 0) {
        *path = start->folder;
        return 'd';
    }
    /* Not by musl, which keeps some signals for itself. */
    for (int signal = 1; signal < NSIG; signal++)
        syscall(SYS_rt_sigaction, signal, usual, NULL, sizeof none);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, sizeof none);
    limit_program();
    return run_candidate(start, path);
}

/* Sends the payload of an `N`, in one write. */
static void report_failure(int report, char step, const char *path) {
    struct __attribute__((packed)) { char step; int error; char path[LONGEST_ANSWER - 5]; } why;
    why.step = step;
    why.error = errno;
    size_t length = strnlen(path, sizeof why.path);
    memcpy(why.path, path, length);
    if (write(report, &why, 5 + length) < 0) _exit(errno);
}

/* Returns the size of the payload of an `N` in `why`; 0: the program has begun. Its pipe is open to
   all: programs open /dev/stdout again, as another user than the one whose pipe it is. */
static size_t begin(struct start *start, unsigned char *why) {
    const char *path = start->candidates[0];
    char step = 'p';
    int printed[2], report[2];
    if (pipe2(printed, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) _exit(errno);
    fcntl(printed[0], F_SETFL, O_NONBLOCK);
    fchmod(printed[1], 0666);
    program.pid = fork();
    if (program.pid == 0) step = become_program(start, printed[1], &path);
    if (program.pid <= 0) report_failure(report[1], step, path);
    if (program.pid == 0) _exit(1);
    close(printed[1]);
    close(report[1]);
    ssize_t size = read(report[0], why, LONGEST_ANSWER);
    close(report[0]);
    output.end.fd = printed[0];
    if (size <= 0) return 0;
    shut(&output.end);
    return (size_t)size;
}

static void start_program(unsigned char number, char *items, size_t size) {
    if (program.state != IDLE) return;
    struct start start = read_items(items, size);
    program.kills_before = kills_now();
    size_t failure = begin(&start, out.bytes + out.end + HEADER);
    free(start.candidates);
    if (failure > 0) {
        put_frame('N', number, NULL, failure);
        return;
    }
    program.number = number;
    program.state = RUNNING;
    program.left = true;
}

/* Takes leave of every process that has ended, also of those whose parents ended before them. */
static void serve_signal(void) {
    struct signalfd_siginfo signal;
    int status;
    pid_t pid;
    if (read(signals.fd, &signal, sizeof signal) != sizeof signal) return;
    if (signal.ssi_signo != SIGCHLD) _exit(0);
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
    struct { uint32_t status, kills; uint64_t peak; } end;
    end.status = (uint32_t)program.status;
    end.kills = kills_now() - program.kills_before;
    end.peak = memory.told = peak_now();
    put_frame('E', program.number, &end, sizeof end);
    shut(&output.end);
    program.state = IDLE;
    for (int i = 0; i < FORWARDS; i++)
        if (forwards[i].inner.fd >= 0) settle(&forwards[i]);
}

/* ---- Frames ---- */

static int64_t limit_of(unsigned char kind) {
    if (kind == 'L' || kind == 'D') return 3;
    if (kind == 'S') return LONGEST_START;
    return kind != 0 && strchr("KZWF", kind) != NULL ? 0 : -1;  /* an unknown one is too long */
}

static void obey(struct header header, char *payload) {
    if (header.kind == 'S') start_program(header.number, payload, header.size);
    if (header.kind == 'K') {
        kill(-1, SIGKILL);
        if (program.state == RUNNING) program.state = ENDING;
    }
    if (header.kind == 'Z') kill(-1, SIGSTOP);
    if (header.kind == 'W') kill(-1, SIGCONT);
    if (header.kind == 'F') {
        output.flushes++;
        output.flush_mark = output.read + unread_output();
        move_output();
    }
    if (header.kind == 'L' || header.kind == 'D') {
        struct __attribute__((packed)) { uint16_t port; unsigned char letter; } where;
        if (header.size != sizeof where) _exit(EPROTO);
        memcpy(&where, payload, sizeof where);
        if (header.kind == 'L') start_listening(where.port, where.letter);
        else connect_inside(where.port, where.letter);
    }
}

/* Only while there is room for the answer. */
static bool may_read_frames(void) {
    return out.end < HEADER + PIECE + ANSWERS / 2 && output.flushes < FLUSHES;
}

/* Whether the frame is `wanted` bytes long now, or longer. */
static bool receive_up_to(size_t wanted, void *place) {
    if (control.have >= wanted) return true;
    ssize_t size = recv(control.end.fd, place, wanted - control.have, 0);
    if (size < 0 && is_passing()) return false;
    if (size <= 0) _exit(size == 0 && control.have > 0 ? EPROTO : 0);
    control.have += (size_t)size;
    return control.have == wanted;
}

/* Reads one frame at most; epoll tells of the next. */
static void serve_control(void) {
    struct header *header = &control.header;
    send_out();
    if (!may_read_frames() || !receive_up_to(HEADER, (char *)header + control.have)) return;
    if (header->size > limit_of(header->kind) || header->zero != 0) _exit(EPROTO);
    if (control.payload == NULL && header->size > 0) control.payload = allocate(header->size);
    if (!receive_up_to(HEADER + header->size, control.payload + (control.have - HEADER))) return;
    obey(*header, control.payload);
    free(control.payload);
    control.payload = NULL;
    control.have = 0;
}

/* ---- The loop ---- */

static void serve(struct end *end, uint32_t events) {
    if (end->fd < 0) return;  /* it was closed a moment ago */
    switch (end->kind) {
    case FORWARD: serve_forward(end->forward, end); break;
    case SIGNALS: serve_signal(); break;
    case CONTROL:
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 && !may_read_frames()) _exit(0);
        serve_control();
        break;
    case PIPE: move_output(); break;
    case LISTENER: accept_connection(end); break;
    default: break;
    }
}

static _Noreturn void loop(void) {
    struct epoll_event events[2 * FORWARDS + 2 * LISTENS + 3];
    for (;;) {
        finish_program();
        send_out();
        want(&control.end, (may_read_frames() ? EPOLLIN : 0) | (all_is_sent() ? 0 : EPOLLOUT));
        if (output.end.fd >= 0) want(&output.end, all_is_sent() ? EPOLLIN : 0);
        /* While there is no place for one more, connections wait in the kernel's queue. */
        for (int i = 0; i < listening; i++)
            want(&listeners[i], forwarding < FORWARDS ? EPOLLIN : 0);
        int count = epoll_wait(poller, events, sizeof events / sizeof *events, -1);
        if (count < 0 && errno != EINTR) _exit(errno);
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

int main(int count, char **arguments) {
    if (getpid() != 1) _exit(EPERM);  /* elsewhere, its signals to all would reach others too */
    for (int i = 0; i < FORWARDS; i++) forwards[i].inner.fd = forwards[i].outer.fd = -1;
    /* 0, 1 and 2 are taken, lest one of ours be; what else there is stays the launcher's. */
    do nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (nothing >= 0 && nothing <= 2);
    for (int fd = 3; fd < INHERITED; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
    chmod("/tmp", 01777);  /* a volume is root's alone where the image has no such folder */
    poller = epoll_create1(EPOLL_CLOEXEC);
    catch_signals();
    open_memory();
    open_door(arguments + (count > 0));
    loop();
}
