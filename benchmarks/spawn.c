/* The floor of starting processes: COUNT times `true` by posix_spawn with two pipes, AT_ONCE at once.
   usage: spawn COUNT AT_ONCE; prints the seconds it took. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
extern char **environ;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static void start(struct pollfd *ends) {
  char *argv[] = {"true", NULL};
  int out[2], err[2];
  pid_t pid;
  posix_spawn_file_actions_t actions;
  if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) exit(1);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  if (posix_spawnp(&pid, "true", &actions, NULL, argv, environ)) exit(1);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]); close(err[1]);
  ends[0].fd = out[0]; ends[1].fd = err[0];
  ends[0].events = ends[1].events = POLLIN;
}
int main(int argc, char **argv) {
  int count = atoi(argv[1]), at_once = atoi(argv[2]), started = 0, ended = 0;
  struct pollfd *ends = calloc(2 * at_once, sizeof *ends);
  char bytes[4096];
  double begin = now();
  (void)argc;
  for (int i = 0; i < 2 * at_once; i++) ends[i].fd = -1;
  for (; started < at_once && started < count; started++) start(ends + 2 * started);
  while (ended < count) {
    poll(ends, 2 * at_once, -1);
    for (int i = 0; i < at_once; i++) {
      struct pollfd *pair = ends + 2 * i;
      int open = 0, was = pair[0].fd >= 0 || pair[1].fd >= 0;
      for (int j = 0; j < 2; j++) {
        if (pair[j].fd >= 0 && pair[j].revents && read(pair[j].fd, bytes, sizeof bytes) <= 0) {
          close(pair[j].fd);
          pair[j].fd = -1;
        }
        open |= pair[j].fd >= 0;
      }
      if (was && !open) {
        wait(NULL);
        ended++;
        if (started < count) { start(pair); started++; }
      }
    }
  }
  printf("%.6f\n", now() - begin);
  return 0;
}
