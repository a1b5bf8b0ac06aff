package main

import (
	"fmt"
	"strings"
)

type flagKind int

const (
	takesValue flagKind = iota
	isSwitch
)

var flagKinds = map[string]flagKind{
	"app": takesValue, "build-args": takesValue, "count": takesValue, "cpu": takesValue, "description": takesValue,
	"file": takesValue, "filter": takesValue, "limit": takesValue, "manifest": takesValue, "memory": takesValue,
	"release": takesValue, "service": takesValue, "since": takesValue, "tail": takesValue, "tar-extra": takesValue,
	"detach": isSwitch, "force": isSwitch, "generated": isSwitch, "id": isSwitch, "no-cache": isSwitch,
	"no-follow": isSwitch, "promote": isSwitch, "tls": isSwitch,
}

var shortFlags = map[string]string{
	"a": "app", "d": "detach", "f": "file", "m": "manifest", "p": "promote", "s": "service", "t": "tls",
}

// options are the flags and positional words of a command line; flags may stand anywhere before a bare `--`.
type options struct {
	flags map[string][]string
	args  []string
}

func (o options) has(name string) bool { return len(o.flags[name]) > 0 }

func (o options) value(name string) string {
	if !o.has(name) {
		return ""
	}
	return o.flags[name][0]
}

func (o options) arg(n int) string {
	if n >= len(o.args) {
		return ""
	}
	return o.args[n]
}

func parse(argv []string) (options, error) {
	o := options{flags: map[string][]string{}}
	for i := 0; i < len(argv); i++ {
		word := argv[i]
		if word == "--" {
			o.args = append(o.args, argv[i+1:]...)
			return o, nil
		}
		if len(word) < 2 || word[0] != '-' {
			o.args = append(o.args, word)
			continue
		}
		name, value, inline := flagName(word)
		kind, known := flagKinds[name]
		switch {
		case !known:
			return o, fmt.Errorf("unknown flag: %s", word)
		case kind == isSwitch && inline:
			return o, fmt.Errorf("flag takes no value: %s", word)
		case kind == isSwitch:
			value = "true"
		case !inline && i+1 == len(argv):
			return o, fmt.Errorf("flag needs a value: %s", word)
		case !inline:
			i++
			value = argv[i]
		}
		o.flags[name] = append(o.flags[name], value)
	}
	return o, nil
}

// flagName splits `--name=value`, `--name` or `-n`; the last result tells whether a value was given in the word.
func flagName(word string) (string, string, bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		return strings.Cut(long, "=")
	}
	return shortFlags[word[1:]], "", false
}
