package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"

	networking "k8s.io/api/networking/v1"
)

const (
	// dispatch sends each packet to the chains of the pods that it concerns.
	dispatch = "IRKIT-NP"
	// prefix of a pod's chains: IRKIT-NP-I-… for ingress, IRKIT-NP-E-… for egress.
	prefix = dispatch + "-"
)

// hooks are where pods' packets pass: FORWARD to anywhere else, INPUT to the node itself. What the node itself sends
// to a pod (OUTPUT) is exempt, or no probe of a kubelet would arrive.
var hooks = []string{"FORWARD", "INPUT"}

// mode is how the agent treats what a policy forbids.
type mode struct{ cut, drop bool }

// chains renders the rules: chain name to lines without the chain's name.
func (w *world) chains(node string, mode mode) map[string][]string {
	chains := map[string][]string{dispatch: nil}
	for _, one := range w.isolations(node) {
		name, flag, peerFlag := prefix+"I-", "-d", "-s"
		if one.direction == networking.PolicyTypeEgress {
			name, flag, peerFlag = prefix+"E-", "-s", "-d"
		}
		digest := sha256.Sum256([]byte(one.pod.UID))
		name += hex.EncodeToString(digest[:6])
		chains[dispatch] = append(chains[dispatch], fmt.Sprintf("%s %s/32 -j %s", flag, one.pod.Status.PodIP, name))
		chains[name] = rules(one.allows, peerFlag, mode)
	}
	slices.Sort(chains[dispatch])
	return chains
}

// rules end in a refusal; what returns before goes on to the other end's chain, if that is here too.
func rules(allows []allow, peerFlag string, mode mode) []string {
	// Answers always pass: whether a connection may be is judged where it begins.
	settled := "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
	if mode.cut {
		settled = "-m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j RETURN"
	}
	lines := []string{settled}
	for _, one := range allows {
		var words []string
		if one.peer != "" {
			words = append(words, peerFlag, one.peer)
		}
		if one.protocol != "" {
			words = append(words, "-p", one.protocol)
			if one.first != 0 || one.last != 65535 {
				words = append(words, "-m", one.protocol, "--dport", fmt.Sprintf("%d:%d", one.first, one.last))
			}
		}
		lines = append(lines, strings.Join(append(words, "-j", "RETURN"), " "))
	}
	if mode.drop {
		return append(lines, "-j DROP")
	}
	return append(lines, "-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT")
}

// table is what this agent has in the filter table.
type table struct {
	written map[string][]string
	stale   []string // of an agent before this one
}

func openTable() (*table, error) {
	found, err := ownChains()
	return &table{stale: found}, err
}

// apply makes the table hold these chains and no others of ours, in one transaction; whether there was anything to do.
func (t *table) apply(wanted map[string][]string) (bool, error) {
	if t.written != nil && maps.EqualFunc(t.written, wanted, slices.Equal[[]string]) {
		return false, nil
	}
	var text strings.Builder
	text.WriteString("*filter\n")
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		fmt.Fprintf(&text, ":%s - [0:0]\n", name) // made, or emptied
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		for _, line := range wanted[name] {
			fmt.Fprintf(&text, "-A %s %s\n", name, line)
		}
	}
	gone := append(slices.Collect(maps.Keys(t.written)), t.stale...)
	slices.Sort(gone)
	for _, name := range slices.Compact(gone) {
		if _, kept := wanted[name]; !kept {
			fmt.Fprintf(&text, "-F %s\n-X %s\n", name, name)
		}
	}
	text.WriteString("COMMIT\n")
	if _, err := run(text.String(), "iptables-restore", "--noflush", "-w", "10"); err != nil {
		return false, err
	}
	t.written, t.stale = wanted, nil
	return true, t.guard()
}

// guard puts our jump first in each hook, if it is not.
func (t *table) guard() error {
	for _, hook := range hooks {
		first, err := run("", "iptables", "-w", "10", "-S", hook, "1")
		if err != nil {
			return err
		}
		if strings.TrimSpace(first) == "-A "+hook+" -j "+dispatch {
			continue
		}
		if _, err := run("", "iptables", "-w", "10", "-I", hook, "1", "-j", dispatch); err != nil {
			return err
		}
		if err := removeJumps(hook, 1); err != nil {
			return err
		}
	}
	return nil
}

// removeJumps takes our jumps out of a hook but for the first `keep`.
func removeJumps(hook string, keep int) error {
	listed, err := run("", "iptables", "-w", "10", "-S", hook)
	if err != nil {
		return err
	}
	number, seen := 0, 0
	var drop []int
	for _, line := range strings.Split(listed, "\n") {
		if !strings.HasPrefix(line, "-A ") {
			continue
		}
		number++
		if strings.TrimSpace(line) == "-A "+hook+" -j "+dispatch {
			seen++
			if seen > keep {
				drop = append(drop, number)
			}
		}
	}
	slices.Reverse(drop) // from the end, so that the numbers before stay true
	for _, one := range drop {
		if _, err := run("", "iptables", "-w", "10", "-D", hook, fmt.Sprint(one)); err != nil {
			return err
		}
	}
	return nil
}

func removeAll() error {
	for _, hook := range hooks {
		if err := removeJumps(hook, 0); err != nil {
			return err
		}
	}
	found, err := ownChains()
	if err != nil || len(found) == 0 {
		return err
	}
	text := "*filter\n"
	for _, name := range found {
		text += fmt.Sprintf("-F %s\n", name)
	}
	for _, name := range found {
		text += fmt.Sprintf("-X %s\n", name)
	}
	_, err = run(text+"COMMIT\n", "iptables-restore", "--noflush", "-w", "10")
	return err
}

// ownChains lists those of ours that are in the table.
func ownChains() ([]string, error) {
	listed, err := run("", "iptables", "-w", "10", "-S")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, line := range strings.Split(listed, "\n") {
		words := strings.Fields(line)
		if len(words) == 2 && words[0] == "-N" && (words[1] == dispatch || strings.HasPrefix(words[1], prefix)) {
			found = append(found, words[1])
		}
	}
	return found, nil
}

func run(stdin string, command ...string) (string, error) {
	process := exec.Command(command[0], command[1:]...)
	process.Stdin = strings.NewReader(stdin)
	var said, wrong bytes.Buffer
	process.Stdout, process.Stderr = &said, &wrong
	if err := process.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(wrong.String()))
	}
	return said.String(), nil
}
