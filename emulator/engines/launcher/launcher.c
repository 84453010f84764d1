/* The launcher: process 1 of every container. docs/launcher.md says what it does and what it speaks.

   One thread waits at one place (the loop at the end) for whatever can be read or written. Nothing
   blocks but the start of a program. What cannot be sent is kept, and what it came from is not read
   meanwhile; so every buffer has a limit, and a slow reader is waited for where the bytes come from.

   In this order: what it remembers, how it ends and waits, memory, the control connection, output,
   forwards, programs, frames, doors, the loop. */

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
    HEADER = 8,              /* bytes of a frame before its payload */
    PIECE = 65536,           /* bytes that are read at once; what a pipe holds */
    ANSWERS = 32768,         /* bytes of frames that may wait behind a piece of output */
    LONGEST_ANSWER = 4096,   /* bytes */
    LONGEST_START = 4 << 20, /* bytes */
    LISTENS = 8,
    FORWARDS = 64,
    FLUSHES = 64,     /* that may wait for their answers */
    DOOR_SECONDS = 3, /* for a door to open */
    INHERITED = 256,  /* descriptors that an engine could have left open */
};

/* ---- What it remembers ---- */

/* The kinds of descriptors, in the order in which those that are ready are served. Forwards come
   first: what a program sent before it ended is read before its end is seen, and a program that
   prints for ever keeps no forward waiting. New connections come last: they may take the place of
   one that was closed, when nothing that is still to be served means that one. */
enum kind { FORWARD, SIGNALS, CONTROL, PIPE, LISTENER, KINDS };

struct end {
    enum kind kind;
    int fd;          /* -1: none */
    uint32_t wanted; /* what epoll is asked to tell of */
    void *owner;     /* its forward or listener */
};

struct listener {
    struct end end;
    unsigned char letter;
};

/* One direction of a forward. */
struct flow {
    unsigned char *piece; /* what was read and not passed on yet; NULL: nothing */
    size_t begin, size;
    uint64_t mark; /* how much output has to be sent before the piece may be */
    bool held;     /* the piece waits for that */
    bool ended;    /* nothing more comes */
    bool done;     /* and the other side knows */
    bool lost;     /* nobody takes it any more: what comes is dropped */
};

struct forward {
    struct end inner, door; /* the container's connection, and ours to the server */
    struct flow up, down;   /* to the server, and from it */
};

static int poller;
static struct end signals = {SIGNALS, -1, 0, NULL};
static struct listener listeners[2 * LISTENS];
static int listening;
static struct forward forwards[FORWARDS];
static int forwarding;
static unsigned char shared[PIECE]; /* for what is read and passed on at once */

static struct {
    struct sockaddr_storage address;
    socklen_t size;
    unsigned char preamble[65]; /* the token, and room for one letter */
    size_t token;               /* bytes */
} door;

static struct {
    struct end end;
    unsigned char header[HEADER];
    unsigned char *payload;
    size_t have; /* bytes of the frame that is being read */
} control = {.end = {CONTROL, -1, 0, NULL}};

/* What is to be sent to the server. A piece of output is put here only when it is empty. */
static struct {
    unsigned char bytes[HEADER + PIECE + ANSWERS];
    size_t begin, end;
} out;

static struct {
    struct end end;
    bool ended;    /* nobody can write into it any more */
    uint64_t read; /* bytes, of all programs */
    uint64_t sent; /* of these, for sure */
    int flushes;   /* asked for and not answered */
    uint64_t flush_mark;
} output = {.end = {PIPE, -1, 0, NULL}};

static struct {
    enum { IDLE, RUNNING, ENDING } state;
    pid_t pid;
    unsigned char number;
    int status;
    bool left; /* processes are left */
    uint64_t kills_before;
} program;

static struct {
    int peak_file, kills_file;
    uint64_t peak, told;
} memory = {-1, -1, 0, 0};

/* ---- How it ends, and waits ---- */

/* As process 1, it takes every process of the container with it. */
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
    if (end->fd < 0) return;
    want(end, 0);
    close(end->fd);
    end->fd = -1;
}

/* ---- Memory ---- */

static int open_first(const char *const *paths) {
    int file = -1;
    for (; *paths != NULL && file < 0; paths++) file = open(*paths, O_RDONLY | O_CLOEXEC);
    return file;
}

static void find_memory(void) {
    static const char *const peaks[] = {
        "/sys/fs/cgroup/memory/memory.max_usage_in_bytes", /* version 1 */
        "/sys/fs/cgroup/memory.peak",                      /* version 2, since Linux 5.19 */
        "/sys/fs/cgroup/memory.current",
        NULL,
    };
    static const char *const kills[] = {
        "/sys/fs/cgroup/memory/memory.oom_control",
        "/sys/fs/cgroup/memory.events",
        NULL,
    };
    memory.peak_file = open_first(peaks);
    memory.kills_file = open_first(kills);
}

/* The number behind `name` in a file of the control group's, or its first; 0 where there is none. */
static uint64_t read_number(int file, const char *name) {
    char text[512];
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = 0;
    const char *place = text;
    if (name != NULL) {
        place = strstr(text, name);
        if (place == NULL) return 0;
        place += strlen(name);
    }
    uint64_t number = 0;
    for (; *place >= '0' && *place <= '9'; place++) number = 10 * number + (uint64_t)(*place - '0');
    return number;
}

static uint64_t peak_now(void) {
    uint64_t peak = read_number(memory.peak_file, NULL);
    if (peak > memory.peak) memory.peak = peak;
    return memory.peak;
}

/* How often the kernel has killed here for lack of memory. */
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

static bool all_is_sent(void) {
    return out.begin == out.end;
}

/* Begins a frame, and returns where its payload goes. */
static unsigned char *put_frame(char kind, unsigned char number, size_t size) {
    unsigned char *frame = out.bytes + out.end;
    if (HEADER + size > sizeof out.bytes - out.end) end_with(ENOBUFS);
    put_number(frame, (unsigned char)kind, 1);
    put_number(frame + 1, number, 3);
    put_number(frame + 4, size, 4);
    out.end += HEADER + size;
    return frame + HEADER;
}

static void put_peak(unsigned char *place) {
    memory.told = peak_now();
    put_number(place, memory.told, 8);
}

static void release_held(void);

static void send_out(void) {
    while (!all_is_sent()) {
        const unsigned char *begin = out.bytes + out.begin;
        size_t size = out.end - out.begin;
        ssize_t sent = send(control.end.fd, begin, size, MSG_NOSIGNAL);
        if (sent < 0 && is_passing()) return;
        if (sent < 0) end_with(0); /* the server has gone */
        out.begin += (size_t)sent;
    }
    out.begin = out.end = 0;
    output.sent = output.read;
    release_held();
}

/* ---- Output ---- */

static uint64_t unread_output(void) {
    int size = 0;
    if (output.end.fd >= 0) ioctl(output.end.fd, FIONREAD, &size);
    return (uint64_t)size;
}

static void answer_flushes(void) {
    for (; output.flushes > 0; output.flushes--) put_peak(put_frame('F', 0, 8));
}

/* Reads a piece into the control connection; only where that is empty. Returns its size. */
static size_t read_output(void) {
    if (output.end.fd < 0 || !all_is_sent()) return 0;
    ssize_t size = read(output.end.fd, out.bytes + HEADER, PIECE);
    output.ended = size == 0;
    if (size <= 0) return 0;
    put_frame('O', program.number, (size_t)size);
    output.read += (uint64_t)size;
    return (size_t)size;
}

static void move_output(void) {
    read_output();
    if (output.flushes > 0 && output.read >= output.flush_mark) answer_flushes();
    send_out();
}

/* Reads what was printed up to now and begins to send it, and the peak of memory. Returns how much
   output has to be sent before it all is. */
static uint64_t tell_output(void) {
    bool blocked = !all_is_sent();
    size_t size = read_output();
    if (peak_now() != memory.told) put_peak(put_frame('M', 0, 8));
    send_out();
    /* A piece that is not full was all there was. */
    return output.read + (blocked || size == PIECE ? unread_output() : 0);
}

/* ---- Forwards ---- */

/* While there is no place for one more, connections wait in the kernel's queue. */
static void want_connections(void) {
    for (int i = 0; i < listening; i++)
        want(&listeners[i].end, forwarding < FORWARDS ? EPOLLIN : 0);
}

static void close_forward(struct forward *forward) {
    shut(&forward->inner);
    shut(&forward->door);
    free(forward->up.piece);
    free(forward->down.piece);
    forward->up.piece = forward->down.piece = NULL;
    forward->up.held = false;
    if (forwarding-- == FORWARDS) want_connections();
}

static void keep_piece(struct flow *flow, const unsigned char *bytes, size_t size) {
    flow->piece = memcpy(allocate(size), bytes, size);
    flow->begin = 0;
    flow->size = size;
}

/* Sends what it can; false: the connection is broken. */
static bool send_bytes(int fd, const unsigned char *bytes, size_t size, size_t *sent) {
    ssize_t done = send(fd, bytes, size, MSG_NOSIGNAL);
    *sent = done < 0 ? 0 : (size_t)done;
    return done >= 0 || is_passing();
}

/* The server has closed its side. What it has sent before is still passed on, and what comes from the
   container is read and dropped: closed with bytes unread, the connection would be reset, and the
   answer lost. */
static void lose(struct flow *flow) {
    free(flow->piece);
    flow->piece = NULL;
    flow->held = false;
    flow->lost = true;
}

static void send_piece(struct flow *flow, int fd) {
    size_t sent;
    if (!send_bytes(fd, flow->piece + flow->begin, flow->size - flow->begin, &sent)) {
        lose(flow);
        return;
    }
    flow->begin += sent;
    if (flow->begin < flow->size) return;
    free(flow->piece);
    flow->piece = NULL;
}

static void pass_on(struct flow *flow, int fd, size_t size) {
    size_t sent;
    if (flow->lost) return;
    if (!send_bytes(fd, shared, size, &sent)) lose(flow);
    else if (sent < size) keep_piece(flow, shared + sent, size - sent);
}

/* What was read stays as it is until all that was printed before it has been sent. */
static void pass_up(struct forward *forward, size_t size) {
    uint64_t mark = tell_output();
    if (all_is_sent() && output.sent >= mark) {
        pass_on(&forward->up, forward->door.fd, size);
        return;
    }
    if (forward->up.lost) return;
    keep_piece(&forward->up, shared, size);
    forward->up.held = true;
    forward->up.mark = mark;
}

static void end_flow(struct flow *flow, int to) {
    if (!flow->ended || flow->done || flow->piece != NULL) return;
    shutdown(to, SHUT_WR);
    flow->done = true;
}

/* Brings a forward in order after anything has happened to it. */
static void settle(struct forward *forward) {
    struct flow *up = &forward->up, *down = &forward->down;
    end_flow(up, forward->door.fd);
    end_flow(down, forward->inner.fd);
    /* Who has ended is not answered: the program's end leaves nobody behind. */
    if (down->lost || (up->done && (down->done || program.state == IDLE))) {
        close_forward(forward);
        return;
    }
    want(&forward->inner, (up->ended || up->piece != NULL ? 0 : EPOLLIN)
                              | (down->piece != NULL ? EPOLLOUT : 0));
    want(&forward->door, (down->ended || down->piece != NULL ? 0 : EPOLLIN)
                             | (up->piece != NULL && !up->held ? EPOLLOUT : 0));
}

static void release_held(void) {
    for (int i = 0; forwarding > 0 && i < FORWARDS; i++) {
        struct forward *forward = &forwards[i];
        if (!forward->up.held || output.sent < forward->up.mark) continue;
        forward->up.held = false;
        send_piece(&forward->up, forward->door.fd);
        settle(forward);
    }
}

static void serve_forward(struct forward *forward, struct end *end) {
    bool is_inner = end == &forward->inner;
    struct end *other = is_inner ? &forward->door : &forward->inner;
    struct flow *in = is_inner ? &forward->up : &forward->down;
    struct flow *back = is_inner ? &forward->down : &forward->up;
    uint32_t wanted = end->wanted;
    if ((wanted & EPOLLOUT) != 0) send_piece(back, end->fd);
    if ((wanted & EPOLLIN) != 0) {
        ssize_t size = recv(end->fd, shared, PIECE, 0);
        bool broken = size < 0 && !is_passing();
        if (broken && is_inner) {
            close_forward(forward);
            return;
        }
        if (broken) lose(back);
        if (size == 0 || broken) in->ended = true;
        if (size > 0 && is_inner) pass_up(forward, (size_t)size);
        if (size > 0 && !is_inner) pass_on(in, other->fd, (size_t)size);
    }
    settle(forward);
}

static int dial(bool may_wait);

static void accept_connection(struct listener *listener) {
    if (forwarding == FORWARDS) return; /* another listener has just taken the last place */
    int inner = accept4(listener->end.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (inner < 0) return;
    int outer = dial(false);
    if (outer < 0) {
        close(inner);
        return;
    }
    setsockopt(inner, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct forward *forward = forwards;
    while (forward->inner.fd >= 0) forward++;
    memset(forward, 0, sizeof *forward);
    forward->inner = (struct end){FORWARD, inner, 0, forward};
    forward->door = (struct end){FORWARD, outer, 0, forward};
    if (++forwarding == FORWARDS) want_connections();
    door.preamble[door.token] = listener->letter;
    keep_piece(&forward->up, door.preamble, door.token + 1);
    send_piece(&forward->up, outer);
    settle(forward);
}

static int listen_at(int family, uint16_t port) {
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons(port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *address = (struct sockaddr *)&v4;
    if (family == AF_INET6) address = (struct sockaddr *)&v6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, address, family == AF_INET ? sizeof v4 : sizeof v6) == 0 && listen(fd, 128) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void add_listener(int fd, unsigned char letter) {
    struct listener *listener = &listeners[listening++];
    listener->end = (struct end){LISTENER, fd, 0, listener};
    listener->letter = letter;
}

static void start_listening(uint16_t port, unsigned char letter) {
    static int count;
    if (++count > LISTENS) end_with(EPROTO);
    int fd = listen_at(AF_INET, port);
    if (fd < 0) end_with(errno);
    add_listener(fd, letter);
    fd = listen_at(AF_INET6, port);
    if (fd >= 0) add_listener(fd, letter); /* there need not be any ::1 here */
    want_connections();
}

/* ---- Programs ---- */

struct start {
    char **candidates, **arguments, **variables; /* each ends with NULL */
    char *folder;                                /* NULL: the launcher's own */
};

/* Reads the items of a start into `start`, whose arrays are in one block that is returned. */
static void *read_items(struct start *start, char *items, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += items[i] == 0;
    if (size == 0 || items[size - 1] != 0) end_with(EPROTO);
    char **block = calloc(3 * (count + 2), sizeof *block);
    if (block == NULL) end_with(ENOMEM);
    char **candidate = start->candidates = block;
    char **argument = start->arguments = block + count + 2;
    char **variable = start->variables = block + 2 * (count + 2);
    argument++; /* the first will be the program's name */
    start->folder = NULL;
    for (char *item = items; item < items + size; item += strlen(item) + 1) {
        if (*item == 'c') *candidate++ = item + 1;
        else if (*item == 'a') *argument++ = item + 1;
        else if (*item == 'e') *variable++ = item + 1;
        else if (*item == 'd' && start->folder == NULL) start->folder = item + 1;
        else end_with(EPROTO);
    }
    if (start->candidates[0] == NULL) end_with(EPROTO);
    return block;
}

static bool is_file(const char *path) {
    struct stat facts;
    if (stat(path, &facts) != 0) return false;
    errno = EISDIR;
    return !S_ISDIR(facts.st_mode);
}

/* Looks for a name in folders with colons between them, as execvp does: what may not be executed is
   taken only where nothing else is found. Its place is written to `found`. */
static bool look_up(const char *name, const char *folders, char found[PATH_MAX]) {
    char path[PATH_MAX];
    bool any = false, may_run = false;
    while (folders != NULL && !may_run) {
        const char *end = strchrnul(folders, ':');
        /* An empty one is the folder that we are in. */
        const char *folder = end == folders ? "." : folders;
        size_t length = end == folders ? 1 : (size_t)(end - folders);
        if (length + 1 + strlen(name) >= sizeof path) path[0] = 0;
        else strcpy(stpcpy(mempcpy(path, folder, length), "/"), name);
        if (is_file(path)) {
            may_run = access(path, X_OK) == 0;
            if (may_run || !any) strcpy(found, path);
            any = true;
        }
        folders = *end == ':' ? end + 1 : NULL;
    }
    if (!any) errno = ENOENT;
    return any;
}

static const char *value_of(char **variables, const char *name) {
    size_t length = strlen(name);
    for (; *variables != NULL; variables++)
        if (strncmp(*variables, name, length) == 0 && (*variables)[length] == '=')
            return *variables + length + 1;
    return NULL;
}

/* The payload of an `N`, to the launcher, which waits for it. */
static _Noreturn void fail(int report, char step, const char *path) {
    unsigned char payload[LONGEST_ANSWER - HEADER];
    size_t length = strnlen(path, sizeof payload - 5);
    payload[0] = (unsigned char)step;
    put_number(payload + 1, (uint32_t)errno, 4);
    memcpy(payload + 5, path, length);
    ssize_t written = write(report, payload, 5 + length);
    _exit(written < 0);
}

/* Takes the first candidate that is there. The folder and the user are the program's already. */
static _Noreturn void run_program(struct start *start, int report) {
    char found[PATH_MAX];
    int error = 0;
    for (char **candidate = start->candidates; *candidate != NULL; candidate++) {
        const char *path = *candidate;
        bool is_there = strchr(path, '/') != NULL || *path == 0
                            ? is_file(path)
                            : look_up(path, value_of(start->variables, "PATH"), found);
        if (is_there) {
            if (strchr(path, '/') == NULL) path = found;
            start->arguments[0] = *candidate;
            execve(path, start->arguments, start->variables);
            fail(report, 'p', path);
        }
        if (candidate == start->candidates) error = errno;
    }
    errno = error;
    fail(report, 'm', start->candidates[0]);
}

static bool leave_root(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(GROUP) != 0 || setuid(USER) != 0))
        return false;
    /* Some engines let capabilities be inherited: harmless here, but to be seen. */
    return syscall(SYS_capset, &header, none) == 0;
}

static void reset_signals(void) {
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. Everything else that is open closes itself when the program begins. */
static _Noreturn void become_program(struct start *start, int printed, int report) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(printed, 1) < 0 || dup2(printed, 2) < 0
        || !leave_root())
        fail(report, 'p', start->candidates[0]);
    if (start->folder != NULL && chdir(start->folder) != 0) fail(report, 'd', start->folder);
    reset_signals();
    run_program(start, report);
}

static size_t read_report(int report, unsigned char *place, size_t room) {
    size_t size = 0;
    ssize_t more = 1;
    while (more != 0 && size < room) {
        more = read(report, place + size, room - size);
        if (more < 0 && errno != EINTR) break;
        if (more > 0) size += (size_t)more;
    }
    return size;
}

/* Returns the size of the payload of an `N` that was written to `why`; 0: the program has begun. */
static size_t begin_program(struct start *start, unsigned char *why) {
    int printed[2] = {-1, -1}, report[2] = {-1, -1};
    size_t size = 0;
    pid_t pid = -1;
    /* Programs open /dev/stdout again, and are another user than the pipe's owner. */
    if (pipe2(printed, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0
        && fcntl(printed[0], F_SETFL, O_NONBLOCK) == 0 && fchmod(printed[1], 0666) == 0)
        pid = fork();
    if (pid == 0) become_program(start, printed[1], report[1]);
    if (pid < 0) {
        size = 5 + strnlen(start->candidates[0], LONGEST_ANSWER - HEADER - 5);
        why[0] = 'p';
        put_number(why + 1, (uint32_t)errno, 4);
        memcpy(why + 5, start->candidates[0], size - 5);
    }
    close(printed[1]);
    close(report[1]);
    if (pid > 0) size = read_report(report[0], why, LONGEST_ANSWER - HEADER);
    close(report[0]);
    if (size > 0) {
        close(printed[0]);
        return size;
    }
    output.end.fd = printed[0];
    output.ended = false;
    program.pid = pid;
    return 0;
}

static void start_program(unsigned char number, char *items, size_t size) {
    struct start start;
    unsigned char why[LONGEST_ANSWER - HEADER];
    if (program.state != IDLE) return;
    void *block = read_items(&start, items, size);
    program.kills_before = kills_now();
    size_t failure = begin_program(&start, why);
    free(block);
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
        program.pid = -1;
        program.state = ENDING;
    }
    program.left = pid == 0;
    if (program.state == ENDING && program.left) kill(-1, SIGKILL);
}

/* Where nothing is left of a program that was ended, reads the rest of its output and says so. */
static void finish_program(void) {
    if (program.state != ENDING || program.left) return;
    do {
        send_out();
        if (!all_is_sent()) return; /* again when it is */
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
    send_out();
}

/* ---- Frames ---- */

/* Unknown kinds allow less than nothing. */
static int64_t limit_of(unsigned char kind) {
    switch (kind) {
    case 'L': return 3;
    case 'S': return LONGEST_START;
    case 'K': case 'Z': case 'W': case 'F': return 0;
    default: return -1;
    }
}

static void obey(unsigned char kind, unsigned char number, unsigned char *payload, size_t size) {
    switch (kind) {
    case 'L':
        if (size != 3) end_with(EPROTO);
        start_listening((uint16_t)get_number(payload, 2), payload[2]);
        break;
    case 'S': start_program(number, (char *)payload, size); break;
    case 'K': end_program(); break;
    case 'Z': kill(-1, SIGSTOP); break;
    case 'W': kill(-1, SIGCONT); break;
    case 'F':
        output.flushes++;
        output.flush_mark = output.read + unread_output();
        move_output();
        break;
    default: end_with(EPROTO);
    }
}

static bool may_read_frames(void) {
    return sizeof out.bytes - out.end >= 2 * LONGEST_ANSWER + FLUSHES * 2 * HEADER
           && output.flushes < FLUSHES;
}

static bool receive_frame(unsigned char *place, size_t size) {
    ssize_t more = recv(control.end.fd, place, size, 0);
    if (more < 0 && is_passing()) return false;
    if (more <= 0) end_with(control.have > 0 && more == 0 ? EPROTO : 0);
    control.have += (size_t)more;
    return (size_t)more == size;
}

/* One frame at most; epoll tells of the next. */
static void serve_control(uint32_t events) {
    send_out();
    if (!may_read_frames()) {
        if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) end_with(0);
        return;
    }
    unsigned char *header = control.header;
    if (control.have < HEADER && !receive_frame(header + control.have, HEADER - control.have)) return;
    size_t size = get_number(header + 4, 4);
    if ((int64_t)size > limit_of(header[0]) || get_number(header + 2, 2) != 0) end_with(EPROTO);
    if (control.payload == NULL && size > 0) control.payload = allocate(size);
    size_t missing = HEADER + size - control.have;
    if (missing > 0 && !receive_frame(control.payload + size - missing, missing)) return;
    control.have = 0;
    obey(header[0], header[1], control.payload, size);
    free(control.payload);
    control.payload = NULL;
}

/* ---- Doors ---- */

/* Returns a connection, or -1. Where it may not wait, it may be one that is still being made. */
static int dial(bool may_wait) {
    int family = door.address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | (may_wait ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) return -1;
    struct timeval limit = {DOOR_SECONDS, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(fd, (struct sockaddr *)&door.address, door.size) == 0
        || (errno == EINPROGRESS && !may_wait))
        return fd;
    int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    errno = error;
    return -1;
}

static int open_unix(const char *path) {
    struct sockaddr_un *address = (struct sockaddr_un *)&door.address;
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address->sun_path) return -1;
    memset(&door.address, 0, sizeof door.address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    door.size = sizeof *address;
    door.token = 0;
    return dial(true);
}

/* The first of the addresses that lets us in; `place` is HOST:PORT. */
static int open_tcp(char *place) {
    const char *token = getenv("TASKDOCK_TOKEN");
    struct addrinfo *found, wanted = {.ai_socktype = SOCK_STREAM};
    char *port = strrchr(place, ':');
    errno = EINVAL;
    if (port == NULL) return -1;
    *port++ = 0;
    int fd = -1;
    errno = EHOSTUNREACH; /* for a name that leads nowhere */
    if (getaddrinfo(place, port, &wanted, &found) != 0) return -1;
    door.token = token == NULL ? 0 : strnlen(token, sizeof door.preamble - 1);
    memcpy(door.preamble, token == NULL ? "" : token, door.token);
    for (struct addrinfo *one = found; one != NULL && fd < 0; one = one->ai_next) {
        memcpy(&door.address, one->ai_addr, one->ai_addrlen);
        door.size = one->ai_addrlen;
        fd = dial(true);
    }
    int error = errno;
    freeaddrinfo(found);
    /* A server whose machine has vanished is missed after a minute. */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){30}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){10}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){3}, sizeof(int));
    errno = error;
    return fd;
}

static void open_door(char **doors) {
    int fd = -1;
    errno = EINVAL;
    for (; *doors != NULL && fd < 0; doors++) {
        if (strncmp(*doors, "unix:", 5) == 0) fd = open_unix(*doors + 5);
        else if (strncmp(*doors, "tcp:", 4) == 0) fd = open_tcp(*doors + 4);
        else errno = EINVAL;
    }
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) end_with(errno);
    control.end.fd = fd;
    memcpy(out.bytes, door.preamble, door.token);
    out.bytes[door.token] = '!';
    out.end = door.token + 1;
    put_number(put_frame('H', 0, 4), VERSION, 4);
}

/* ---- The loop ---- */

static void serve_signal(void) {
    struct signalfd_siginfo signal;
    if (read(signals.fd, &signal, sizeof signal) != sizeof signal) return;
    if (signal.ssi_signo != SIGCHLD) end_with(0);
    reap();
}

static void serve(struct end *end, uint32_t events) {
    if (end->fd < 0) return; /* closed a moment ago */
    switch (end->kind) {
    case FORWARD: serve_forward(end->owner, end); break;
    case SIGNALS: serve_signal(); break;
    case CONTROL: serve_control(events); break;
    case PIPE: move_output(); break;
    case LISTENER: accept_connection(end->owner); break;
    case KINDS: break;
    }
}

static void loop(void) {
    struct epoll_event events[2 * FORWARDS + 2 * LISTENS + 3];
    for (;;) {
        finish_program();
        want(&control.end, (may_read_frames() ? EPOLLIN : EPOLLRDHUP)
                               | (all_is_sent() ? 0 : EPOLLOUT));
        if (output.end.fd >= 0)
            want(&output.end, all_is_sent() && !output.ended ? EPOLLIN : 0);
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
    /* Without a word when a process is only stopped or goes on. */
    struct sigaction ends_only = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
    sigset_t caught;
    sigaction(SIGCHLD, &ends_only, NULL);
    sigemptyset(&caught);
    sigaddset(&caught, SIGCHLD);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGINT);
    sigprocmask(SIG_BLOCK, &caught, NULL);
    signals.fd = signalfd(-1, &caught, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals.fd < 0) end_with(errno);
    want(&signals, EPOLLIN);
}

/* 0, 1 and 2 are taken, lest one of ours be; what else there is stays the launcher's. */
static void tidy_descriptors(void) {
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= 2) {}
    if (fd > 2) close(fd);
    for (fd = 3; fd < INHERITED; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int main(int count, char **arguments) {
    /* Elsewhere, its signals to every process would reach others' too. */
    if (getpid() != 1) end_with(EPERM);
    tidy_descriptors();
    for (int i = 0; i < FORWARDS; i++) forwards[i].inner.fd = forwards[i].door.fd = -1;
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) end_with(errno);
    catch_signals();
    find_memory();
    open_door(arguments + (count > 0));
    loop();
}
