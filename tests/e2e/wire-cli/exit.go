package main

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// exitMarker precedes a remote command's exit code at the end of its output.
const exitMarker = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:"

// copyUntilExit copies a command's output and gives its exit code. The marker counts only when one read holds it whole
// with nothing behind it; a stream without one ends as exit 0, however it ended. `ERROR: …` lines are output like
// any other: what makes the command fail is the marker sent along with them.
func copyUntilExit(stream io.Reader, out io.Writer) (int, error) {
	buf := make([]byte, 10*1024)
	code, first := 0, true
	for {
		n, err := stream.Read(buf)
		if err == io.EOF {
			return code, nil
		}
		if err != nil {
			return code, err
		}
		piece := string(buf[:n])
		if first && strings.HasPrefix(piece, "\x00") {
			return 0, errors.New("the stream asks for an ECS Exec session, which this client does not start")
		}
		first = false
		text, tail, found := strings.Cut(piece, exitMarker)
		if _, err := io.WriteString(out, text); err != nil {
			return 0, err
		}
		if !found {
			continue
		}
		if code, err = strconv.Atoi(strings.TrimSpace(tail)); err != nil {
			return 0, errors.New("unable to read exit code")
		}
	}
}
