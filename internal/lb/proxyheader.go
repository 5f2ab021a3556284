package lb

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// The PROXY protocol, version 2. Source: haproxy.org/download/2.9/doc/proxy-protocol.txt, 2.2.
const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyClient    = 0x21 // version 2, on behalf of a client
	proxyTCP4      = 0x11
	proxyTCP6      = 0x21
)

// proxyNobody is the header of a health check.
var proxyNobody = []byte(proxySignature + "\x20\x00\x00\x00")

// proxyHeader tells a target who the client is, and where it came to.
func proxyHeader(client net.Conn) []byte {
	from, _ := netip.ParseAddrPort(client.RemoteAddr().String())
	to, _ := netip.ParseAddrPort(client.LocalAddr().String())
	source, destination := from.Addr().Unmap(), to.Addr().Unmap()
	family := byte(proxyTCP4)
	if !source.Is4() || !destination.Is4() {
		family = proxyTCP6
		source, destination = netip.AddrFrom16(source.As16()), netip.AddrFrom16(destination.As16())
	}
	body := append(source.AsSlice(), destination.AsSlice()...)
	body = binary.BigEndian.AppendUint16(body, from.Port())
	body = binary.BigEndian.AppendUint16(body, to.Port())
	head := append([]byte(proxySignature), proxyClient, family)
	return append(binary.BigEndian.AppendUint16(head, uint16(len(body))), body...)
}
