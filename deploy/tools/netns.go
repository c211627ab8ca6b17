package main

import (
	"errors"
	"fmt"
	"math"
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

// processOf finds the oldest process of a pod: its sandbox's. A container cannot change the cgroup that it is in, but it
// can make network namespaces of its own (user namespaces need no privilege), so any other process may be elsewhere.
func processOf(pod string) (int, error) {
	pids, err := processesOf(pod)
	if err != nil {
		return 0, err
	}
	oldest, since := 0, uint64(math.MaxUint64)
	for _, pid := range pids {
		if begun, err := startTime(pid); err == nil && begun < since {
			oldest, since = pid, begun
		}
	}
	if oldest == 0 {
		return 0, fmt.Errorf("no process of pod %s on this node", pod)
	}
	return oldest, nil
}

// forged is the error for a pod whose processes made network namespaces of their own.
func forged(pod string) error {
	first, err := processOf(pod)
	if err != nil {
		return err
	}
	own, err := namespaceOf(first)
	if err != nil {
		return err
	}
	pids, err := processesOf(pod)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if name, err := namespaceOf(pid); err == nil && name != own {
			return errors.New("its processes made a network namespace beside its own: what is seen could be faked")
		}
	}
	return nil
}

// processesOf lists the processes of a pod by their cgroups: kubelet names a pod's cgroup after its uid, with dashes
// (cgroupfs driver) or underscores (systemd driver).
func processesOf(pod string) ([]int, error) {
	if len(pod) < 8 || strings.ContainsAny(pod, "/\n") {
		return nil, fmt.Errorf("%q is no pod uid", pod)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if err != nil {
			continue // it has ended
		}
		for _, name := range []string{"pod" + pod, "pod" + strings.ReplaceAll(pod, "-", "_")} {
			if strings.Contains(string(groups), name) {
				found = append(found, pid)
				break
			}
		}
	}
	return found, nil
}

func namespaceOf(pid int) (string, error) {
	return os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "ns", "net"))
}

// startTime is field 22 of /proc/PID/stat (proc(5)), counted behind the name, which may hold anything.
func startTime(pid int) (uint64, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat is cut off", pid)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}
