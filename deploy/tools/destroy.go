package main

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Of struct inet_diag_req_v2 in the kernel's include/uapi/linux/inet_diag.h.
const sizeofDiagRequest = 8 + 48

// diagRequest names one TCP socket, by its addresses and its cookie: a socket that took over the addresses since is
// another one, and stays. The library's own request knows no IPv6.
type diagRequest struct{ socket *netlink.Socket }

func (r diagRequest) Len() int { return sizeofDiagRequest }

func (r diagRequest) Serialize() []byte {
	id, data := r.socket.ID, make([]byte, sizeofDiagRequest)
	data[0], data[1] = r.socket.Family, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(data[8:], id.SourcePort)
	binary.BigEndian.PutUint16(data[10:], id.DestinationPort)
	if r.socket.Family == unix.AF_INET6 {
		copy(data[12:28], id.Source.To16()) // a mapped IPv4 address too: the kernel unmaps it
		copy(data[28:44], id.Destination.To16())
	} else {
		copy(data[12:16], id.Source.To4())
		copy(data[28:32], id.Destination.To4())
	}
	binary.NativeEndian.PutUint32(data[44:], id.Interface)
	binary.NativeEndian.PutUint32(data[48:], id.Cookie[0])
	binary.NativeEndian.PutUint32(data[52:], id.Cookie[1])
	return data
}

// destroySocket ends one socket of the present network namespace. One that is gone already is no error.
func destroySocket(socket *netlink.Socket) error {
	request := nl.NewNetlinkRequest(nl.SOCK_DESTROY, unix.NLM_F_ACK)
	request.AddData(diagRequest{socket})
	_, err := request.Execute(unix.NETLINK_INET_DIAG, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) {
		return nil
	}
	return err
}
