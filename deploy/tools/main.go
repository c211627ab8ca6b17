// The tools that irkit runs inside a cluster: one static program, called by the name of what it does.
//
//	connect IP:PORT...   tries new TCP connections and says how each ended
//	cut IP...            ends the established connections of a pod, and says what is left
//
// With IRKIT_NETNS_OF=<pod uid> both work in the network namespace of that pod of the same node; the tool's own pod then
// needs hostPID and the capabilities SYS_ADMIN and SYS_PTRACE (setns(2)), `cut` also hostNetwork and NET_ADMIN.
//
// Results are lines of plain words, on standard output and in the termination message, which the Kubernetes API shows
// (at most 4096 bytes: Kubernetes documentation, "Determine the Reason for Pod Failure"). Nothing is ever read from
// the target's file system.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	terminationLog   = "/dev/termination-log"
	terminationLimit = 4096
)

var tools = map[string]func(args []string) ([]string, error){"connect": connect, "cut": cut}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if tools[name] == nil && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	tool := tools[name]
	if tool == nil {
		fmt.Fprintln(os.Stderr, "usage: connect IP:PORT... | cut IP...")
		os.Exit(2)
	}
	lines, err := tool(args)
	if err != nil {
		lines = append(lines, "error "+strings.ReplaceAll(err.Error(), "\n", " "))
	}
	report(lines)
	if err != nil {
		os.Exit(1)
	}
}

// report writes whole lines only: a cut one would be a false result.
func report(lines []string) {
	var text strings.Builder
	for _, line := range lines {
		if text.Len()+len(line)+1 > terminationLimit {
			break
		}
		text.WriteString(line + "\n")
	}
	fmt.Print(text.String())
	if file, err := os.OpenFile(terminationLog, os.O_WRONLY, 0); err == nil {
		fmt.Fprint(file, text.String())
		file.Close()
	}
}
