package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// enterNetwork moves the calling thread, which must be locked, into the network namespace of a pod.
func enterNetwork(pod string) error {
	pid, err := processOf(pod)
	if err != nil {
		return err
	}
	file, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "ns", "net"))
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
}

// processOf finds any process of a pod by its cgroup: kubelet names a pod's cgroup after its uid, with dashes
// (cgroupfs driver) or underscores (systemd driver). A container cannot change the cgroup that it is in.
func processOf(pod string) (int, error) {
	if len(pod) < 8 || strings.ContainsAny(pod, "/\n") {
		return 0, fmt.Errorf("%q is no pod uid", pod)
	}
	wanted := []string{"pod" + pod, "pod" + strings.ReplaceAll(pod, "-", "_")}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if err != nil {
			continue // it has ended
		}
		for _, name := range wanted {
			if strings.Contains(string(groups), name) {
				return pid, nil
			}
		}
	}
	return 0, fmt.Errorf("no process of pod %s on this node", pod)
}
