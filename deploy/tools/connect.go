package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// No policy engine that was measured takes a second to answer; a dropped packet never answers.
const dialTimeout = 2 * time.Second

// connect tries all addresses at once, so that the slowest decides how long it takes.
func connect(args []string) ([]string, error) {
	addresses := make([]netip.AddrPort, len(args))
	for i, arg := range args {
		address, err := netip.ParseAddrPort(arg)
		if err != nil {
			return nil, fmt.Errorf("%q is no IP:PORT", arg)
		}
		addresses[i] = address
	}
	pod := os.Getenv("IRKIT_NETNS_OF")
	ends := make([]string, len(args))
	var group sync.WaitGroup
	var failed error
	var once sync.Once
	for i, address := range addresses {
		group.Go(func() {
			if pod != "" {
				runtime.LockOSThread() // never unlocked: the thread ends with its network namespace
				if err := enterNetwork(pod); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
			ends[i] = try(address)
		})
	}
	group.Wait()
	if failed != nil {
		return nil, failed
	}
	lines := make([]string, len(args))
	for i, end := range ends {
		lines[i] = args[i] + " " + end
	}
	if pod != "" {
		left, err := lasting(pod)
		if err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf("established %d", len(left)))
		if err := forged(pod); err != nil {
			return lines, err
		}
	}
	return lines, nil
}

// try opens one connection by plain system calls on this very thread: Go's own dialer may change threads,
// and with them the network namespace.
func try(address netip.AddrPort) string {
	family := syscall.AF_INET6
	var to syscall.Sockaddr = &syscall.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
	if address.Addr().Is4() {
		family, to = syscall.AF_INET, &syscall.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "failed " + word(err)
	}
	defer syscall.Close(fd)
	limit := syscall.NsecToTimeval(int64(dialTimeout))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit); err != nil {
		return "failed " + word(err)
	}
	for {
		err = syscall.Connect(fd, to) // SO_SNDTIMEO bounds it: connect(2), EINPROGRESS (socket(7))
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EINPROGRESS), errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EAGAIN):
		return "timeout"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "refused" // a rejecting rule in the sender's own namespace
	default:
		return "failed " + word(err)
	}
}

func word(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return fmt.Sprintf("errno-%d", int(number))
	}
	return "unknown"
}
