package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

type buildRecord struct{ Id, Description, Release, Started, Status string }

func build(s *session) error {
	_, err := s.build()
	return err
}

func deploy(s *session) error {
	b, err := s.build()
	if err != nil {
		return err
	}
	return s.promote(b.Release)
}

// build uploads a directory, builds it and shows the log to its end.
func (s *session) build() (buildRecord, error) {
	dir := s.arg(0)
	if dir == "" {
		dir = "."
	}
	form := s.buildForm(dir)
	source, err := packDirectory(dir)
	if err != nil {
		return buildRecord{}, err
	}
	if _, err := s.system(); err != nil {
		return buildRecord{}, err
	}
	object, err := s.upload(source)
	if err != nil {
		return buildRecord{}, err
	}
	form.Set("url", object)
	s.say("Starting build... ")
	var b buildRecord
	if err := s.call("POST", s.within("/builds"), request{form: form}, &b); err != nil {
		return b, err
	}
	s.say("OK\n")
	if b, err = s.followBuild(b.Id); err != nil {
		return b, err
	}
	s.say("Build:   %s\nRelease: %s\n", b.Id, b.Release)
	return b, nil
}

// upload stores the packed source under a name nobody can guess and gives the object's URL.
func (s *session) upload(source []byte) (string, error) {
	key := make([]byte, 15)
	if _, err := rand.Read(key); err != nil {
		return "", err
	}
	s.say("Uploading source... ")
	var object struct{ Url string }
	path := s.within("/objects/tmp/%s.tgz", hex.EncodeToString(key))
	if err := s.call("POST", path, request{body: bytes.NewReader(source)}, &object); err != nil {
		return "", err
	}
	s.say("OK\n")
	return object.Url, nil
}

// buildForm describes the build; what the command line leaves open is asked of git, if the directory is in a clone.
func (s *session) buildForm(dir string) url.Values {
	form := url.Values{}
	if args := s.flags["build-args"]; len(args) > 0 {
		// The items are joined by commas, so a comma within an item is lost.
		form.Set("build-args", strings.Join(args, ","))
	}
	if s.has("no-cache") {
		form.Set("no-cache", "true")
	}
	if s.has("manifest") {
		form.Set("manifest", s.value("manifest"))
	}
	if s.has("description") {
		form.Set("description", s.value("description"))
	} else if exec.Command("git", "diff", "--quiet").Run() == nil {
		if line, err := exec.Command("git", "log", "-n", "1", "--pretty=%h %s", "--abbrev=10").Output(); err == nil {
			form.Set("description", "build "+strings.TrimSpace(string(line)))
		}
	}
	if sha, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").Output(); err == nil {
		form.Set("git-sha", strings.TrimSpace(string(sha)))
	}
	return form
}

// followBuild shows the log, waits for the result, and then reads the log once more for lines that came too late.
func (s *session) followBuild(id string) (buildRecord, error) {
	shown, err := s.copyBuildLog(id, 0)
	if err != nil {
		return buildRecord{}, err
	}
	b, err := s.buildResult(id)
	if err != nil {
		return b, err
	}
	if err := s.get(s.within("/builds/%s", id), &b); err != nil {
		return b, err
	}
	if _, err := s.copyBuildLog(id, shown); err != nil {
		return b, err
	}
	if b.Status == "failed" {
		return b, errors.New("build failed")
	}
	return b, nil
}

func (s *session) buildResult(id string) (buildRecord, error) {
	for deadline := time.Now().Add(time.Hour); ; time.Sleep(s.poll.second()) {
		var b buildRecord
		if err := s.get(s.within("/builds/%s", id), &b); err != nil || b.Status != "running" {
			return b, err
		}
		if time.Now().After(deadline) {
			return b, errors.New("timeout")
		}
	}
}

// copyBuildLog shows the log from an offset on and gives its whole length.
func (s *session) copyBuildLog(id string, offset int64) (int64, error) {
	stream, err := s.socket(s.within("/builds/%s/logs", id), nil, nil)
	if err != nil {
		return 0, err
	}
	skipped, err := io.CopyN(io.Discard, stream, offset)
	if err == io.EOF {
		return skipped, nil
	}
	shown, err := io.Copy(s.out, stream)
	return skipped + shown, err
}

func buildsLogs(s *session) error {
	_, err := s.copyBuildLog(s.arg(0), 0)
	return err
}

func builds(s *session) error {
	r := request{}
	if s.has("limit") {
		r.query = url.Values{"limit": {s.value("limit")}}
	}
	var list []buildRecord
	if err := s.call("GET", s.within("/builds"), r, &list); err != nil {
		return err
	}
	rows := [][]string{{"ID", "STATUS", "RELEASE", "STARTED", "DESCRIPTION"}}
	for _, b := range list {
		rows = append(rows, []string{b.Id, b.Status, b.Release, b.Started, b.Description})
	}
	return s.table(rows...)
}

func buildsExport(s *session) error { return s.download(s.within("/builds/%s.tgz", s.arg(0))) }

// buildsImport sends a file of unknown length, which makes the body chunked.
func buildsImport(s *session) error {
	if _, err := s.system(); err != nil {
		return err
	}
	file, err := s.source()
	if err != nil {
		return err
	}
	defer file.Close()
	var b buildRecord
	if err := s.call("POST", s.within("/builds/import"), request{body: file}, &b); err != nil {
		return err
	}
	s.say("Importing build... OK, %s\n", b.Release)
	return nil
}

// download copies an answer into `--file`, or to standard output.
func (s *session) download(path string) error {
	res, err := s.stream("GET", path, request{})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if !s.has("file") {
		_, err = io.Copy(s.out, res.Body)
		return err
	}
	file, err := os.Create(s.value("file"))
	if err != nil {
		return err
	}
	if _, err = io.Copy(file, res.Body); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}

// source is `--file`, or standard input.
func (s *session) source() (io.ReadCloser, error) {
	if !s.has("file") {
		return io.NopCloser(s.in), nil
	}
	return os.Open(s.value("file"))
}
