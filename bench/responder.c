/* Canned machines for benchmarks: N SAS lines, one machine each, from one epoll loop.
 *
 * Not a simulator: no meters move and nothing is remembered over a start. What it does keep exactly is what a bench must
 * check its work by: which exceptions were raised, and which were acknowledged (any frame that is not the same general
 * poll again acknowledges the answer before it). Answers to long polls come from the can (canned.h).
 *
 * usage: responder --lines N [--address A] [--chance P] [--seed S] [--delay-us D] [--pty] [--port FIRST] [--slow] [--gaps]
 *        [--books]
 *   --lines N      tcp9 listeners on 127.0.0.1 (ports of the system's choice, or FIRST, FIRST+1 ...); with --pty pseudo-terminals
 *   --chance P     probability 0..1 that a new general poll is answered with an exception
 *   --delay-us D   time between the last character of a poll and the answer, default 0
 *   --slow         the machines do not declare 40 ms: a host polls them as its configuration says
 *   --gaps         also time the silence between the first byte of each long poll and the next, and on a pty look at the
 *                  parity the port is set to when they come; the figures count from the report before
 *   --books        the JSON lists every machine, not only the sums
 * Prints one "LINE url" per line, then READY. Prints one line of JSON at SIGUSR1, and at SIGTERM, SIGINT or the end of
 * its standard input, before it ends.
 *
 * On a pty there is no wake-up bit: a frame then begins after the one before is complete, or after 5 ms of silence.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "canned.h"
#include "gaps.h"

#define FRAME_MAX 260
#define REPLY_MAX 300
#define CHARS_MAX 512

/* Doors that are closed, belly door opened too: facts to be stored, but none after which a host reads the meters, so that
 * what is measured is polls and commits. */
static const uint8_t EXCEPTIONS[] = {0x12, 0x14, 0x16, 0x1A, 0x1D, 0x1E};

struct counts {
  uint64_t chars, general, idle, raised, acknowledged, repeats, longs, answered, unknown, syncs, bad, hosts;
};

struct machine {
  int listener, fd, pty;
  uint8_t frame[FRAME_MAX];
  int length;
  int flag; /* tcp9: flag octet read, value not yet; -1 none */
  uint64_t heard_at; /* when the last characters were read */
  uint64_t begun_at; /* when the first byte of this frame was */
  int split;         /* its second byte has been timed */
  uint64_t random;
  uint8_t answer;   /* the exception that is out; 0 none */
  int last_general; /* the frame before was this machine's general poll */
  int next;         /* index of the next exception code */
  uint8_t reply[REPLY_MAX];
  int reply_length;
  uint64_t reply_at;
  int queued;
  struct counts n;
};

static struct machine *machines;
static int lines = 1, address = 1, use_pty, first_port, books, epoll_fd, slow, time_gaps;
static double chance;
static uint64_t seed = 1, delay_ns;
static int *queue, queue_head, queue_length; /* answers are delayed equally, so they leave in order */

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t draw(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static void leave(struct machine *m) {
  if (m->fd >= 0) close(m->fd);
  m->fd = -1;
}

static void transmit(struct machine *m) {
  uint8_t octets[2 * REPLY_MAX];
  int n = m->reply_length;
  if (m->fd < 0 || n == 0) return;
  if (use_pty) {
    memcpy(octets, m->reply, (size_t)n);
  } else {
    for (int i = 0; i < n; i++) {
      octets[2 * i] = 0;
      octets[2 * i + 1] = m->reply[i];
    }
    n *= 2;
  }
  if (write(m->fd, octets, (size_t)n) != n && !use_pty) leave(m);
  m->reply_length = 0;
}

static void acknowledge(struct machine *m) {
  if (m->answer) {
    m->n.acknowledged++;
    m->answer = 0;
  }
}

static int stands_in_mark(const struct machine *m) {
  struct termios t;
  return !tcgetattr(m->fd, &t) && (t.c_cflag & PARODD) && (t.c_cflag & CMSPAR);
}

static void parity(const struct machine *m, int mark) {
  if (use_pty && stands_in_mark(m) == mark) gaps.parity_right++;
  else if (use_pty) gaps.parity_wrong++;
}

/* One read brought `got` characters, the first of them octets[0]. Called before they are taken. */
static void time_gap(struct machine *m, const uint8_t *octets, int got, uint64_t now) {
  if (m->length == 0) {
    m->begun_at = now;
    m->split = octets[0] & 0x80 || octets[0] != address;
    if (m->split) return;
    if (got == 1) {
      parity(m, 1);
      return;
    }
    gap_joined();
    m->split = 1;
  } else if (!m->split) {
    parity(m, 0);
    gap_seen(now - m->begun_at);
    m->split = 1;
  }
}

static void whole_frame(struct machine *m, uint64_t now) {
  const uint8_t *f = m->frame;
  int length = m->length;
  m->length = 0;
  m->reply_length = 0;
  if (f[0] & 0x80) {
    if ((f[0] & 0x7F) != address) { /* 80, or another machine's poll */
      acknowledge(m);
      m->last_general = 0;
      if (f[0] == 0x80) m->n.syncs++;
      return;
    }
    m->n.general++;
    if (m->last_general) {
      m->n.repeats++; /* the same poll again: not acknowledged, the same answer */
    } else {
      acknowledge(m);
      if (chance > 0 && (double)(draw(&m->random) >> 11) * 0x1p-53 < chance) {
        m->answer = EXCEPTIONS[m->next];
        m->next = (m->next + 1) % (int)sizeof EXCEPTIONS;
        m->n.raised++;
      } else {
        m->n.idle++;
      }
    }
    m->last_general = 1;
    m->reply[0] = m->answer;
    m->reply_length = 1;
  } else {
    acknowledge(m);
    m->last_general = 0;
    if (f[0] != address) return;
    m->n.longs++;
    m->reply_length = canned_answer(f, length, (uint64_t)(m - machines), !slow, m->reply);
    if (m->reply_length == BAD_SEAL) {
      m->n.bad++;
      m->reply[0] = f[0] | 0x80; /* NACK */
      m->reply_length = 1;
    } else if (m->reply_length == UNKNOWN) {
      m->n.unknown++;
      m->reply_length = 0; /* a machine is silent to what it does not know */
    }
    if (m->reply_length) m->n.answered++;
  }
  if (!m->reply_length) return;
  if (!delay_ns) {
    transmit(m);
  } else if (!m->queued) {
    m->reply_at = now + delay_ns;
    m->queued = 1;
    queue[(queue_head + queue_length++) % lines] = (int)(m - machines);
  }
}

static void character(struct machine *m, int wakeup, uint8_t value, uint64_t now) {
  m->n.chars++;
  if (wakeup) m->length = 0;
  if (m->length >= FRAME_MAX) {
    m->n.bad++;
    m->length = 0;
    return;
  }
  m->frame[m->length++] = value;
  int wanted = poll_length(m->frame, m->length);
  if (wanted && m->length >= wanted) whole_frame(m, now);
}

static void readable(struct machine *m, uint64_t now) {
  uint8_t octets[2 * CHARS_MAX];
  ssize_t got = read(m->fd, octets, sizeof octets);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR || (use_pty && errno == EIO))) return;
    leave(m);
    return;
  }
  if (time_gaps) now = now_ns(); /* that of the batch may be a millisecond old */
  if (use_pty) {
    if (m->length && now - m->heard_at > 5000000) m->length = 0;
    m->heard_at = now;
    if (time_gaps) time_gap(m, octets, (int)got, now);
    for (ssize_t i = 0; i < got; i++) character(m, 0, octets[i], now);
    return;
  }
  if (time_gaps && m->flag < 0) {
    if (octets[0] && m->length) m->length = 0;
    uint8_t first[2] = {got > 1 ? octets[1] : 0x80, 0};
    time_gap(m, first, (int)got / 2, now);
  }
  for (ssize_t i = 0; i < got; i++) {
    if (m->flag < 0) {
      m->flag = octets[i];
      if (m->flag > 1) { /* out of step */
        m->n.bad++;
        leave(m);
        return;
      }
    } else {
      int flag = m->flag;
      m->flag = -1;
      character(m, flag, octets[i], now);
      if (m->fd < 0) return;
    }
  }
}

static void watch(int fd, uint64_t key) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void new_host(struct machine *m, uint64_t index) {
  int fd = accept4(m->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  leave(m); /* the newest wins */
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  m->fd = fd;
  m->flag = -1;
  m->length = 0;
  m->n.hosts++;
  watch(fd, 2 * index + 1);
}

static void open_machine(struct machine *m, uint64_t index) {
  m->fd = m->listener = m->pty = -1;
  m->flag = -1;
  m->random = seed * 0x2545F4914F6CDD1Du + index;
  if (use_pty) {
    struct termios t;
    m->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (m->fd < 0 || grantpt(m->fd) || unlockpt(m->fd)) die("posix_openpt");
    const char *name = ptsname(m->fd);
    m->pty = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC); /* held, so that the master does not hang up between hosts */
    if (m->pty < 0 || tcgetattr(m->pty, &t)) die(name);
    cfmakeraw(&t);
    tcsetattr(m->pty, TCSANOW, &t);
    printf("LINE tty:%s\n", name);
    watch(m->fd, 2 * index + 1);
    return;
  }
  int one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  at.sin_port = htons((uint16_t)(first_port ? first_port + (int)index : 0));
  m->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (m->listener < 0) die("socket");
  setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(m->listener, (struct sockaddr *)&at, sizeof at) || listen(m->listener, 4)) die("bind");
  if (getsockname(m->listener, (struct sockaddr *)&at, &size)) die("getsockname");
  printf("LINE tcp9:127.0.0.1:%d\n", ntohs(at.sin_port));
  watch(m->listener, 2 * index);
}

static void print_counts(const struct counts *n, int pending) {
  printf("\"chars\":%lu,\"general\":%lu,\"idle\":%lu,\"raised\":%lu,\"acknowledged\":%lu,\"pending\":%d,\"repeats\":%lu,"
         "\"longs\":%lu,\"answered\":%lu,\"unknown\":%lu,\"syncs\":%lu,\"bad\":%lu,\"hosts\":%lu",
         n->chars, n->general, n->idle, n->raised, n->acknowledged, pending, n->repeats, n->longs, n->answered, n->unknown,
         n->syncs, n->bad, n->hosts);
}

static void report(void) {
  struct counts all = {0};
  struct rusage used;
  int pending = 0;
  for (int i = 0; i < lines; i++) {
    const uint64_t *from = (const uint64_t *)&machines[i].n;
    uint64_t *to = (uint64_t *)&all;
    for (size_t k = 0; k < sizeof all / sizeof *to; k++) to[k] += from[k];
    pending += machines[i].answer != 0;
  }
  getrusage(RUSAGE_SELF, &used);
  printf("{\"lines\":%d,\"now_us\":%lu,\"cpu_us\":%lu,", lines, now_ns() / 1000,
         (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
             (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
  print_counts(&all, pending);
  if (time_gaps) print_gaps();
  if (books) {
    printf(",\"machines\":[");
    for (int i = 0; i < lines; i++) {
      printf(i ? ",{" : "{");
      print_counts(&machines[i].n, machines[i].answer != 0);
      printf("}");
    }
    printf("]");
  }
  printf("}\n");
  fflush(stdout);
}

static void send_due(uint64_t now) {
  while (queue_length && machines[queue[queue_head]].reply_at <= now) {
    struct machine *m = &machines[queue[queue_head]];
    queue_head = (queue_head + 1) % lines;
    queue_length--;
    m->queued = 0;
    transmit(m);
  }
}

static void options(int argc, char **argv) {
  static const struct option known[] = {
      {"lines", 1, 0, 'n'}, {"address", 1, 0, 'a'}, {"chance", 1, 0, 'p'}, {"seed", 1, 0, 's'}, {"delay-us", 1, 0, 'd'},
      {"pty", 0, 0, 't'},   {"port", 1, 0, 'P'},    {"books", 0, 0, 'b'},
      {"slow", 0, 0, 'w'},  {"gaps", 0, 0, 'g'},    {0, 0, 0, 0}};
  int option;
  while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (option) {
      case 'n': lines = atoi(optarg); break;
      case 'a': address = atoi(optarg); break;
      case 'p': chance = atof(optarg); break;
      case 's': seed = strtoull(optarg, NULL, 10); break;
      case 'd': delay_ns = strtoull(optarg, NULL, 10) * 1000u; break;
      case 't': use_pty = 1; break;
      case 'P': first_port = atoi(optarg); break;
      case 'b': books = 1; break;
      case 'w': slow = 1; break;
      case 'g': time_gaps = 1; break;
      default: exit(2);
    }
  }
  if (lines < 1 || lines > 20000 || address < 1 || address > 127 || chance < 0 || chance > 1) {
    fprintf(stderr, "responder: --lines 1..20000 --address 1..127 --chance 0..1\n");
    exit(2);
  }
}

int main(int argc, char **argv) {
  options(argc, argv);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files = {65536, 65536}, had;
  if (!getrlimit(RLIMIT_NOFILE, &had)) {
    files.rlim_cur = files.rlim_max = had.rlim_max < 65536 ? had.rlim_max : 65536;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  machines = calloc((size_t)lines, sizeof *machines);
  queue = calloc((size_t)lines, sizeof *queue);
  if (epoll_fd < 0 || signal_fd < 0 || !machines || !queue) die("start");
  watch(signal_fd, UINT64_MAX);
  /* Whoever started us and died must not leave us behind; a standard input that is no pipe is not watched. */
  struct epoll_event end_of_input = {.events = EPOLLIN | EPOLLHUP, .data.u64 = UINT64_MAX - 1};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &end_of_input);
  for (int i = 0; i < lines; i++) open_machine(&machines[i], (uint64_t)i);
  printf("READY\n");
  fflush(stdout);

  struct epoll_event events[256];
  for (;;) {
    struct timespec wait, *timeout = NULL;
    if (queue_length) {
      uint64_t now = now_ns(), at = machines[queue[queue_head]].reply_at;
      uint64_t ns = at > now ? at - now : 0;
      wait.tv_sec = (time_t)(ns / 1000000000u);
      wait.tv_nsec = (long)(ns % 1000000000u);
      timeout = &wait;
    }
    int count = epoll_pwait2(epoll_fd, events, 256, timeout, NULL);
    if (count < 0 && errno != EINTR) die("epoll_pwait2");
    uint64_t now = now_ns();
    if (queue_length) send_due(now);
    for (int i = 0; i < count; i++) {
      uint64_t key = events[i].data.u64;
      if (key == UINT64_MAX) {
        struct signalfd_siginfo info;
        if (read(signal_fd, &info, sizeof info) != sizeof info) continue;
        report();
        if (info.ssi_signo != SIGUSR1) return 0;
      } else if (key == UINT64_MAX - 1) {
        char ignored[64];
        if (read(STDIN_FILENO, ignored, sizeof ignored) > 0) continue;
        report();
        return 0;
      } else if (key & 1) {
        if (machines[key / 2].fd >= 0) readable(&machines[key / 2], now);
      } else {
        new_host(&machines[key / 2], key / 2);
      }
    }
  }
}
