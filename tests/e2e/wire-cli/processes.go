package main

import (
	"io"
	"net/url"
	"strconv"
	"strings"
)

type process struct{ Id, Command, Name, Release, Started, Status string }

type service struct {
	Count  int
	Domain string
	Name   string
}

func ps(s *session) error {
	r := request{}
	if s.has("service") {
		r.query = url.Values{"service": {s.value("service")}}
	}
	var list []process
	if err := s.call("GET", s.within("/processes"), r, &list); err != nil {
		return err
	}
	s.askBudget()
	rows := [][]string{{"ID", "SERVICE", "STATUS", "RELEASE", "STARTED", "COMMAND"}}
	for _, p := range list {
		rows = append(rows, []string{p.Id, p.Name, p.Status, p.Release, p.Started, p.Command})
	}
	return s.table(rows...)
}

func psStop(s *session) error {
	return s.call("DELETE", s.within("/processes/%s", s.arg(0)), request{}, nil)
}

func services(s *session) error {
	list, err := s.serviceList()
	if err != nil {
		return err
	}
	s.askBudget()
	rows := [][]string{{"SERVICE", "DOMAIN", "COUNT"}}
	for _, v := range list {
		rows = append(rows, []string{v.Name, v.Domain, strconv.Itoa(v.Count)})
	}
	return s.table(rows...)
}

func (s *session) serviceList() ([]service, error) {
	var list []service
	err := s.get(s.within("/services"), &list)
	return list, err
}

// askBudget asks for a notice about the app's budget, which most racks do not have.
func (s *session) askBudget() {
	var budget any
	_ = s.get(s.within("/budget"), &budget)
}

func execute(s *session) error {
	return s.exec(s.arg(0), strings.Join(s.args[1:], " "), map[string]string{})
}

func (s *session) exec(pid, command string, headers map[string]string) error {
	headers["Command"] = command
	if !s.interactive() {
		headers["Tty"] = "false"
	}
	stream, err := s.socket(s.within("/processes/%s/exec", pid), headers, s.in)
	if err != nil {
		return err
	}
	code, err := copyUntilExit(stream, s.out)
	if err != nil {
		return err
	}
	if code != 0 {
		return exitStatus(code)
	}
	return nil
}

// runProcess starts a process that only sleeps, runs the command in it, and stops it. A detached one is the command.
func runProcess(s *session) error {
	command := strings.Join(s.args[1:], " ")
	if s.has("detach") {
		p, err := s.start(command)
		if err != nil {
			return err
		}
		s.say("Running detached process... OK, %s\n", p.Id)
		return nil
	}
	p, err := s.start("sleep 3600")
	if err != nil {
		return err
	}
	defer func() { _ = s.call("DELETE", s.within("/processes/%s", p.Id), request{}, nil) }()
	if err := s.waitProcess(p.Id); err != nil {
		return err
	}
	return s.exec(p.Id, command, map[string]string{"Entrypoint": "true"})
}

// start asks for a new process; all its options travel as headers and the body is empty.
func (s *session) start(command string) (process, error) {
	headers := map[string]string{"Command": command}
	for flag, name := range map[string]string{"cpu": "Cpu", "memory": "Memory", "release": "Release"} {
		if s.has(flag) {
			headers[name] = s.value(flag)
		}
	}
	var p process
	err := s.call("POST", s.within("/services/%s/processes", s.arg(0)), request{headers: headers}, &p)
	return p, err
}

func logs(s *session) error {
	headers := map[string]string{"Prefix": "true"}
	if s.has("no-follow") {
		headers["Follow"] = "false"
	}
	for flag, name := range map[string]string{"filter": "Filter", "since": "Since", "tail": "Tail"} {
		if s.has(flag) {
			headers[name] = s.value(flag)
		}
	}
	path := s.within("/logs")
	if s.has("service") {
		path = s.within("/services/%s/logs", s.value("service"))
	}
	stream, err := s.socket(path, headers, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(s.out, stream)
	return err
}

func restart(s *session) error {
	list, err := s.serviceList()
	if err != nil {
		return err
	}
	for _, v := range list {
		s.say("Restarting %s... ", v.Name)
		if err := s.call("POST", s.within("/services/%s/restart", v.Name), request{}, nil); err != nil {
			return err
		}
		s.say("OK\n")
	}
	return nil
}

func scale(s *session) error {
	form := url.Values{}
	for _, flag := range []string{"count", "cpu", "memory"} {
		if s.has(flag) {
			form.Set(flag, s.value(flag))
		}
	}
	s.say("Scaling %s...\n", s.arg(0))
	if err := s.call("PUT", s.within("/services/%s", s.arg(0)), request{form: form}, nil); err != nil {
		return err
	}
	if err := s.waitWithLogs(); err != nil {
		return err
	}
	s.say("OK\n")
	return nil
}
