package main

import (
	"net/url"
	"strings"
	"text/tabwriter"
)

type app struct{ Generation, Name, Release, Router, Status string }

// table writes rows of cells in columns.
func (s *session) table(rows ...[]string) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := w.Write([]byte(strings.Join(row, "\t") + "\n")); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (s *session) appGet(name string) (app, error) {
	var a app
	err := s.get("/apps/"+name, &a)
	return a, err
}

func apps(s *session) error {
	var list []app
	if err := s.get("/apps", &list); err != nil {
		return err
	}
	rows := [][]string{{"APP", "STATUS", "RELEASE"}}
	for _, a := range list {
		rows = append(rows, []string{a.Name, a.Status, a.Release})
	}
	return s.table(rows...)
}

func appsInfo(s *session) error {
	name := s.arg(0)
	if name == "" {
		name = s.app()
	}
	a, err := s.appGet(name)
	if err != nil {
		return err
	}
	return s.table([]string{"Name", a.Name}, []string{"Status", a.Status}, []string{"Generation", a.Generation},
		[]string{"Release", a.Release}, []string{"Router", a.Router})
}

func appsCreate(s *session) error {
	name := s.arg(0)
	s.say("Creating %s... ", name)
	if err := s.call("POST", "/apps", request{form: url.Values{"name": {name}}}, &app{}); err != nil {
		return err
	}
	if err := s.waitRunning(name); err != nil {
		return err
	}
	s.say("OK\n")
	return nil
}

func appsDelete(s *session) error {
	name := s.arg(0)
	s.say("Deleting %s... ", name)
	if err := s.call("DELETE", "/apps/"+name, request{}, nil); err != nil {
		return err
	}
	if err := s.waitDeleted(name); err != nil {
		return err
	}
	s.say("OK\n")
	return nil
}
