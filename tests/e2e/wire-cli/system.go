package main

import (
	"bytes"
	"encoding/json"
	"net/url"
)

type system struct{ Name, Provider, Region, Status, Version string }

// system is what many commands ask first, to see how old the rack is.
func (s *session) system() (system, error) {
	var v system
	err := s.get("/system", &v)
	return v, err
}

func rackInfo(s *session) error {
	v, err := s.system()
	if err != nil {
		return err
	}
	return s.table([]string{"Name", v.Name}, []string{"Provider", v.Provider}, []string{"Region", v.Region},
		[]string{"Status", v.Status}, []string{"Version", v.Version})
}

// show prints a JSON answer, indented.
func (s *session) show(path string, r request) error {
	var raw json.RawMessage
	if err := s.call("GET", path, r, &raw); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, raw, "", "  "); err != nil {
		return err
	}
	s.say("%s\n", text.Bytes())
	return nil
}

func apiGet(s *session) error { return s.show(s.arg(0), request{}) }

func instances(s *session) error { return s.show("/instances", request{}) }

func resources(s *session) error { return s.show(s.within("/resources"), request{}) }

func resourcesExport(s *session) error { return s.download(s.within("/resources/%s/data", s.arg(0))) }

func resourcesImport(s *session) error {
	file, err := s.source()
	if err != nil {
		return err
	}
	defer file.Close()
	return s.call("PUT", s.within("/resources/%s/data", s.arg(0)), request{body: file}, nil)
}

// certs with `--generated` sends a GET that has a form body, which racks ignore.
func certs(s *session) error {
	r := request{}
	if s.has("generated") {
		r.form = url.Values{"generated": {"true"}}
	}
	return s.show("/certificates", r)
}

func registries(s *session) error {
	var list []struct{ Server, Username string }
	if err := s.get("/registries", &list); err != nil {
		return err
	}
	rows := [][]string{{"SERVER", "USERNAME"}}
	for _, r := range list {
		rows = append(rows, []string{r.Server, r.Username})
	}
	return s.table(rows...)
}

// registriesRemove puts the server's name, often a whole URL, into the path as it is.
func registriesRemove(s *session) error {
	if _, err := s.system(); err != nil {
		return err
	}
	return s.call("DELETE", "/registries/"+s.arg(0), request{}, nil)
}
