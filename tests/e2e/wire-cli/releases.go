package main

import (
	"errors"
	"net/url"
	"strconv"
)

type release struct{ Id, Build, Env, Description, Created string }

func (s *session) latestReleases(limit int) ([]release, error) {
	var list []release
	r := request{query: url.Values{"limit": {strconv.Itoa(limit)}}}
	err := s.call("GET", s.within("/releases"), r, &list)
	return list, err
}

func (s *session) releaseCreate(form url.Values) (release, error) {
	var r release
	err := s.call("POST", s.within("/releases"), request{form: form}, &r)
	return r, err
}

func releases(s *session) error {
	a, err := s.appGet(s.app())
	if err != nil {
		return err
	}
	r := request{}
	if s.has("limit") {
		r.query = url.Values{"limit": {s.value("limit")}}
	}
	var list []release
	if err := s.call("GET", s.within("/releases"), r, &list); err != nil {
		return err
	}
	rows := [][]string{{"ID", "STATUS", "BUILD", "CREATED", "DESCRIPTION"}}
	for _, r := range list {
		status := ""
		if r.Id == a.Release {
			status = "active"
		}
		rows = append(rows, []string{r.Id, status, r.Build, r.Created, r.Description})
	}
	return s.table(rows...)
}

func releasesPromote(s *session) error {
	if id := s.arg(0); id != "" {
		return s.promote(id)
	}
	latest, err := s.latestReleases(1)
	if err != nil {
		return err
	}
	if len(latest) == 0 {
		return errors.New("no releases to promote")
	}
	return s.promote(latest[0].Id)
}

func (s *session) promote(id string) error {
	if id == "" {
		return errors.New("no release to promote")
	}
	a, err := s.appGet(s.app())
	if err != nil {
		return err
	}
	if a.Status != "running" && !s.has("force") {
		s.say("Waiting for app to be ready... ")
		if err := s.waitRunning(s.app()); err != nil {
			return err
		}
		s.say("OK\n")
	}
	return s.promoteNow(id)
}

// promoteNow promotes without asking first whether the app is busy, and fails when another release runs in the end.
func (s *session) promoteNow(id string) error {
	s.say("Promoting %s...\n", id)
	form := url.Values{"force": {strconv.FormatBool(s.has("force"))}}
	if err := s.call("POST", s.within("/releases/%s/promote", id), request{form: form}, nil); err != nil {
		return err
	}
	if err := s.waitWithLogs(); err != nil {
		return err
	}
	a, err := s.appGet(s.app())
	if err != nil {
		return err
	}
	if a.Release != id {
		return errors.New("rollback")
	}
	s.say("OK\n")
	return nil
}

func releasesRollback(s *session) error {
	var old release
	if err := s.get(s.within("/releases/%s", s.arg(0)), &old); err != nil {
		return err
	}
	s.say("Rolling back to %s... ", old.Id)
	copied, err := s.releaseCreate(url.Values{"build": {old.Build}, "env": {old.Env}})
	if err != nil {
		return err
	}
	s.say("OK, %s\n", copied.Id)
	return s.promoteNow(copied.Id)
}
