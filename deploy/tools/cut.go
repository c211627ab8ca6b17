package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// How long ended connections may take to leave the table.
	settle = 500 * time.Millisecond
	// How long a kubelet's probe may take: a second, unless the pod says otherwise (timeoutSeconds).
	patience = 3 * time.Second
)

// States of the kernel's include/net/tcp_states.h in which no data can pass any more, or not yet.
var idle = map[uint8]bool{6: true, 7: true, 10: true} // TIME_WAIT, CLOSE, LISTEN

const asking = 2 // SYN_SENT

// cut ends what a new policy lets live: the pod's sockets, which sends a reset to both ends where the policy lets it
// pass, and the connection tracking entries of its addresses, by which most engines recognise what to let through.
func cut(args []string) ([]string, error) {
	pod := os.Getenv("IRKIT_NETNS_OF")
	if pod == "" {
		return nil, fmt.Errorf("IRKIT_NETNS_OF names no pod")
	}
	addresses := make([]netip.Addr, len(args))
	for i, arg := range args {
		address, err := netip.ParseAddr(arg)
		if err != nil {
			return nil, fmt.Errorf("%q is no IP", arg)
		}
		addresses[i] = address
	}
	before, err := connections(pod)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("before %d", len(before))}
	// Sockets first: while their entries are there, their resets pass and tell the other end.
	destroyed, refused := destroy(pod, before)
	lines = append(lines, fmt.Sprintf("destroyed %d", destroyed))
	if refused != nil {
		lines = append(lines, "destroy failed")
	}
	entries, err := forget(addresses)
	if err != nil {
		lines = append(lines, "conntrack failed")
	} else {
		lines = append(lines, fmt.Sprintf("conntrack %d", entries))
	}
	time.Sleep(settle)
	left, err := lasting(pod)
	if err != nil {
		return lines, err
	}
	lines = append(lines, fmt.Sprintf("left %d", len(left)))
	for _, socket := range left {
		lines = append(lines, fmt.Sprintf("left-to %s:%d", socket.ID.Destination, socket.ID.DestinationPort))
	}
	return lines, forged(pod)
}

// forget deletes the connection tracking entries from and to these addresses, in this network namespace: the node's.
func forget(addresses []netip.Addr) (uint, error) {
	var total uint
	for _, address := range addresses {
		family := netlink.InetFamily(unix.AF_INET)
		if address.Is6() {
			family = unix.AF_INET6
		}
		filter := &netlink.ConntrackFilter{}
		if err := filter.AddIP(netlink.ConntrackOrigSrcIP, net.IP(address.AsSlice())); err != nil {
			return total, err
		}
		other := &netlink.ConntrackFilter{}
		if err := other.AddIP(netlink.ConntrackOrigDstIP, net.IP(address.AsSlice())); err != nil {
			return total, err
		}
		reply := &netlink.ConntrackFilter{} // behind a Service the pod is only the reply's source
		if err := reply.AddIP(netlink.ConntrackReplySrcIP, net.IP(address.AsSlice())); err != nil {
			return total, err
		}
		count, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, filter, other, reply)
		total += count
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// lasting lists what lives on: connections that are there each time, over some seconds. A kubelet's probe comes from the
// node, which no policy stops, and ends by itself; what comes after it is another connection. One that has no answer by
// the end is a new one, which the policy judges: whoever lost a connection may ask for another one for ever.
func lasting(pod string) ([]*netlink.Socket, error) {
	left, err := connections(pod)
	for end := time.Now().Add(patience); err == nil && len(left) > 0 && time.Now().Before(end); {
		time.Sleep(settle)
		var now []*netlink.Socket
		now, err = connections(pod)
		left = slices.DeleteFunc(now, func(one *netlink.Socket) bool {
			return !slices.ContainsFunc(left, func(other *netlink.Socket) bool { return same(one, other) })
		})
	}
	return slices.DeleteFunc(left, func(one *netlink.Socket) bool { return one.State == asking }), err
}

func same(one, other *netlink.Socket) bool {
	a, b := one.ID, other.ID
	return a.SourcePort == b.SourcePort && a.DestinationPort == b.DestinationPort &&
		a.Source.Equal(b.Source) && a.Destination.Equal(b.Destination)
}

// connections lists the pod's TCP connections, half-closed ones too, which can still carry data; loopback is left out.
func connections(pod string) ([]*netlink.Socket, error) {
	var found []*netlink.Socket
	err := inside(pod, func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			sockets, err := netlink.SocketDiagTCP(family)
			if err != nil {
				return err
			}
			for _, socket := range sockets {
				if !idle[socket.State] && !socket.ID.Destination.IsLoopback() {
					found = append(found, socket)
				}
			}
		}
		return nil
	})
	return found, err
}

func destroy(pod string, sockets []*netlink.Socket) (int, error) {
	count := 0
	var failed error
	err := inside(pod, func() error {
		for _, socket := range sockets {
			if err := destroySocket(socket); err != nil {
				failed = err // CONFIG_INET_DIAG_DESTROY is not in every kernel
				continue
			}
			count++
		}
		return nil
	})
	if err != nil {
		return count, err
	}
	return count, failed
}

// inside runs on a thread of its own in the pod's network namespace; the thread ends with it.
func inside(pod string, work func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := enterNetwork(pod); err != nil {
			done <- err
			return
		}
		done <- work()
	}()
	return <-done
}
