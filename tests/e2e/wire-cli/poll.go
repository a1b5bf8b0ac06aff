package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// poll is the pace of the waiting loops: the 5 s between looks at an app. The other pauses keep their proportion.
type poll time.Duration

// newPoll reads WIRE_CLI_POLL, a Go duration such as `100ms` that stands for the usual 5 s.
func newPoll(text string) (poll, error) {
	if text == "" {
		return poll(5 * time.Second), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 5*time.Millisecond {
		return 0, fmt.Errorf("WIRE_CLI_POLL: %q is not a duration of 5ms or more", text)
	}
	return poll(d), nil
}

func (p poll) app() time.Duration       { return time.Duration(p) }
func (p poll) second() time.Duration    { return time.Duration(p) / 5 }
func (p poll) processes() time.Duration { return 3 * time.Duration(p) / 5 }

// until looks once an interval and is content with two successes in a row; two failures in a row end it.
func until(interval, limit time.Duration, look func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	successes, failures := 0, 0
	for successes < 2 {
		time.Sleep(interval)
		if time.Now().After(deadline) {
			return errors.New("timeout")
		}
		ok, err := look()
		if failures++; err == nil {
			failures = 0
		}
		if failures >= 2 {
			return err
		}
		if successes++; !ok {
			successes = 0
		}
	}
	return nil
}

// waitRunning waits until the app runs, after a pause in which its update can begin.
func (s *session) waitRunning(app string) error {
	time.Sleep(s.poll.app())
	return until(s.poll.app(), 35*time.Minute, func() (bool, error) {
		a, err := s.appGet(app)
		if err == nil && a.Status == "rollback" {
			err = errors.New("rollback")
		}
		return a.Status == "running", err
	})
}

func (s *session) waitDeleted(app string) error {
	time.Sleep(s.poll.app())
	return until(s.poll.app(), 35*time.Minute, func() (bool, error) {
		_, err := s.appGet(app)
		if err == nil {
			return false, nil
		}
		if strings.Contains(err.Error(), "no such app") || strings.Contains(err.Error(), "app not found") {
			return true, nil
		}
		return false, err
	})
}

func (s *session) waitProcess(pid string) error {
	return until(s.poll.second(), 5*time.Minute, func() (bool, error) {
		var p process
		err := s.get(s.within("/processes/%s", pid), &p)
		return p.Status == "running", err
	})
}

// waitWithLogs waits until the app runs and meanwhile shows its system log and its processes coming and going.
func (s *session) waitWithLogs() error {
	ctx, cancel := context.WithCancel(context.Background())
	var followers sync.WaitGroup
	for _, follow := range []func(context.Context){s.followLogs, s.followProcesses} {
		followers.Add(1)
		go func() { defer followers.Done(); follow(ctx) }()
	}
	err := s.waitRunning(s.app())
	cancel()
	followers.Wait()
	return err
}

// followLogs opens the app's log again and again, a second after each end. The sockets all stay open.
func (s *session) followLogs(ctx context.Context) {
	for ctx.Err() == nil {
		stream, err := s.socket(s.within("/logs"), map[string]string{"Prefix": "true", "Since": "5s"}, nil)
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { stream.Close() })
		copySystemLines(stream, s.out)
		stop()
		pause(ctx, s.poll.second())
	}
}

// copySystemLines keeps the lines `<time> system/… <text>`.
func copySystemLines(r io.Reader, w io.Writer) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), " ", 3)
		if len(parts) == 3 && strings.HasPrefix(parts[1], "system/") {
			fmt.Fprintln(w, lines.Text())
		}
	}
}

// followProcesses says when a process changes its status; those that already run when first seen are no news.
func (s *session) followProcesses(ctx context.Context) {
	seen := map[string]string{}
	for {
		pause(ctx, s.poll.processes())
		if ctx.Err() != nil {
			return
		}
		var list []process
		if s.get(s.within("/processes"), &list) != nil {
			continue
		}
		for _, p := range list {
			last, known := seen[p.Id]
			seen[p.Id] = p.Status
			if last != p.Status && (known || p.Status != "running") {
				s.say("  %-32s  %-12s  %s\n", p.Id, p.Name, p.Status)
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
