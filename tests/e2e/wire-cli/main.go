// Command wire-cli is a test client that speaks to a Convox rack exactly as the stock `convox` CLI does: the same
// HTTP client and websocket library, the same headers, the same order of calls, the same way of finding an exit code.
// It keeps no configuration; RACK_URL says where the rack is and with which credential.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// exitStatus ends the program with the status of a remote command; it is not an error to print.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// session is one run of one command.
type session struct {
	*client
	options
	in   io.Reader
	out  io.Writer
	poll poll
}

type command struct {
	usage string
	least int // positional arguments
	run   func(*session) error
}

var commands = map[string]command{
	"api get":           {"<path>", 1, apiGet},
	"apps":              {"", 0, apps},
	"apps create":       {"<app>", 1, appsCreate},
	"apps delete":       {"<app>", 1, appsDelete},
	"apps info":         {"[app]", 0, appsInfo},
	"build":             {"[dir]", 0, build},
	"builds":            {"", 0, builds},
	"builds export":     {"<build> [--file F]", 1, buildsExport},
	"builds import":     {"[--file F]", 0, buildsImport},
	"builds logs":       {"<build>", 1, buildsLogs},
	"certs":             {"[--generated]", 0, certs},
	"cp":                {"<[pid:]src> <[pid:]dst>", 2, cp},
	"deploy":            {"[dir]", 0, deploy},
	"env":               {"", 0, env},
	"env set":           {"<K=V>...", 0, envSet},
	"env unset":         {"<K>...", 1, envUnset},
	"exec":              {"<pid> <command>", 2, execute},
	"instances":         {"", 0, instances},
	"logs":              {"[--no-follow]", 0, logs},
	"proxy":             {"<[port:]host:hostport>", 1, proxy},
	"ps":                {"[--service S]", 0, ps},
	"ps stop":           {"<pid>", 1, psStop},
	"rack":              {"", 0, rackInfo},
	"registries":        {"", 0, registries},
	"registries remove": {"<server>", 1, registriesRemove},
	"releases":          {"", 0, releases},
	"releases promote":  {"[release]", 0, releasesPromote},
	"releases rollback": {"<release>", 1, releasesRollback},
	"resources":         {"", 0, resources},
	"resources export":  {"<resource> [--file F]", 1, resourcesExport},
	"resources import":  {"<resource> [--file F]", 1, resourcesImport},
	"restart":           {"", 0, restart},
	"run":               {"<service> <command>", 2, runProcess},
	"scale":             {"<service> --count N", 1, scale},
	"services":          {"", 0, services},
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run carries out one command line and gives the exit status: the remote command's own, or 1 with `ERROR: why` on errw.
func run(argv []string, in io.Reader, out, errw io.Writer) int {
	err := dispatch(argv, in, &lockedWriter{w: out})
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	default:
		fmt.Fprintf(errw, "ERROR: %s\n", err)
		return 1
	}
}

func dispatch(argv []string, in io.Reader, out io.Writer) error {
	opts, err := parse(argv)
	if err != nil {
		return err
	}
	name, cmd, err := choose(opts.args)
	if err != nil {
		return err
	}
	opts.args = opts.args[len(strings.Fields(name)):]
	if len(opts.args) < cmd.least {
		return fmt.Errorf("usage: wire-cli %s %s", name, cmd.usage)
	}
	c, err := newClient(os.Getenv("RACK_URL"))
	if err != nil {
		return err
	}
	p, err := newPoll(os.Getenv("WIRE_CLI_POLL"))
	if err != nil {
		return err
	}
	return cmd.run(&session{client: c, options: opts, in: in, out: out, poll: p})
}

// choose takes the longest command name that begins the words.
func choose(words []string) (string, command, error) {
	for n := min(2, len(words)); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		if cmd, ok := commands[name]; ok {
			return name, cmd, nil
		}
	}
	return "", command{}, fmt.Errorf("unknown command: %q", strings.Join(words, " "))
}

// app is the app a command acts on: `-a`, or the name of the working directory.
func (s *session) app() string {
	if a := s.value("app"); a != "" {
		return a
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return filepath.Base(dir)
}

// within gives a path below the app's own.
func (s *session) within(format string, args ...any) string {
	return "/apps/" + s.app() + fmt.Sprintf(format, args...)
}

func (s *session) say(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// interactive tells whether standard input is a terminal. The null device is a character device too, but no terminal.
func (s *session) interactive() bool {
	file, ok := s.in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// lockedWriter lets log streams and the command itself share one output.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
