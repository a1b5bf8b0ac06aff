package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// cp copies files into a process (`cp local pid:/path`) or out of it (`cp pid:/path local`).
func cp(s *session) error {
	from, into := s.arg(0), s.arg(1)
	if pid, path, remote := strings.Cut(into, ":"); remote {
		return s.copyInto(pid, path, from)
	}
	if pid, path, remote := strings.Cut(from, ":"); remote {
		return s.copyFrom(pid, path, into)
	}
	return errors.New("one of the two must be <pid>:<path>")
}

func (s *session) copyInto(pid, path, local string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("must specify absolute paths for processes")
	}
	var archive bytes.Buffer
	if err := writeTar(&archive, local, path); err != nil {
		return err
	}
	r := request{body: &archive}
	if s.has("tar-extra") {
		r.query = url.Values{"tar-extra": {s.value("tar-extra")}}
	}
	return s.call("POST", s.within("/processes/%s/files", pid), r, nil)
}

func (s *session) copyFrom(pid, path, local string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("must specify absolute paths for processes")
	}
	query := url.Values{"file": {path}}
	res, err := s.stream("GET", s.within("/processes/%s/files", pid), request{query: query})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return readTar(res.Body, path, local)
}

// packDirectory makes the gzipped tar of a directory, entries relative to it.
func packDirectory(dir string) ([]byte, error) {
	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	if err := writeTar(gz, dir, ""); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// writeTar packs a file, or all below a directory, under the name `base`.
func writeTar(w io.Writer, root, base string) error {
	tw := tar.NewWriter(w)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(filepath.Join(base, below))
		if name == "." {
			return nil
		}
		return addEntry(tw, path, name, entry)
	})
	if err != nil {
		return err
	}
	return tw.Close()
}

func addEntry(tw *tar.Writer, path, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	if header.Name = name; info.IsDir() {
		header.Name += "/"
	}
	if err := tw.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(tw, file)
	return err
}

// readTar unpacks what a process sent for `remote` so that it becomes `local`. Nothing is written outside `local`.
func readTar(r io.Reader, remote, local string) error {
	tr := tar.NewReader(r)
	for {
		header, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(header.Name, "/")
		if !strings.HasPrefix(name, remote) && header.Typeflag == tar.TypeDir {
			continue
		}
		target := filepath.Join(local, strings.TrimPrefix(name, remote))
		if below, err := filepath.Rel(local, target); err != nil || !filepath.IsLocal(below) {
			return fmt.Errorf("illegal file path in archive: %s", header.Name)
		}
		if err := unpack(tr, header, target); err != nil {
			return err
		}
	}
}

func unpack(tr *tar.Reader, header *tar.Header, target string) error {
	switch header.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(target, 0o755)
	case tar.TypeReg:
	default:
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, header.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, tr); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}
