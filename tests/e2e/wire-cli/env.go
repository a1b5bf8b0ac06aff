package main

import (
	"bufio"
	"net/url"
	"sort"
	"strings"
)

// environment is an app's variables; its text is `KEY=value` lines in the order of the keys.
type environment map[string]string

func parseEnvironment(text string) (environment, error) {
	e := environment{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		key, value, found := strings.Cut(lines.Text(), "=")
		if key = strings.TrimSpace(key); found && key != "" {
			e[key] = value
		}
	}
	return e, lines.Err()
}

func (e environment) String() string {
	lines := []string{}
	for key, value := range e {
		lines = append(lines, key+"="+value)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// environment reads the variables of the latest release.
func (s *session) environment() (environment, error) {
	latest, err := s.latestReleases(1)
	if err != nil || len(latest) == 0 {
		return environment{}, err
	}
	var r release
	if err := s.get(s.within("/releases/%s", latest[0].Id), &r); err != nil {
		return nil, err
	}
	return parseEnvironment(r.Env)
}

func env(s *session) error {
	e, err := s.environment()
	if err != nil {
		return err
	}
	s.say("%s\n", e)
	return nil
}

// envSet takes K=V words, and lines of standard input as well when that is no terminal.
func envSet(s *session) error {
	words := s.args
	e, err := s.environment()
	if err != nil {
		return err
	}
	if !s.interactive() {
		for lines := bufio.NewScanner(s.in); lines.Scan(); {
			words = append(words, lines.Text())
		}
	}
	keys := []string{}
	for _, word := range words {
		if key, value, found := strings.Cut(word, "="); found {
			e[key] = value
			keys = append(keys, key)
		}
	}
	s.say("Setting %s... ", strings.Join(keys, ", "))
	return s.writeEnvironment(e)
}

func envUnset(s *session) error {
	e, err := s.environment()
	if err != nil {
		return err
	}
	for _, key := range s.args {
		delete(e, key)
	}
	s.say("Unsetting %s... ", strings.Join(s.args, ", "))
	return s.writeEnvironment(e)
}

// writeEnvironment makes a release of the whole environment, for the rack knows no smaller change.
func (s *session) writeEnvironment(e environment) error {
	if _, err := s.system(); err != nil {
		return err
	}
	r, err := s.releaseCreate(url.Values{"env": {e.String()}})
	if err != nil {
		return err
	}
	s.say("OK\nRelease: %s\n", r.Id)
	if s.has("promote") {
		return s.promote(r.Id)
	}
	return nil
}
