package main

import (
	"net/netip"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// world is one moment of the cluster.
type world struct {
	pods       []*core.Pod
	namespaces map[string]labels.Set
	policies   []*networking.NetworkPolicy

	namespaceVersions map[string]string
}

// allow lets traffic of one peer through to one range of ports. Empty fields mean any.
type allow struct {
	peer     string // an address or prefix
	protocol string // tcp, udp, sctp
	first    int32
	last     int32
}

// isolation is what one pod may do in one direction; without one, it may do all.
type isolation struct {
	pod       *core.Pod
	direction networking.PolicyType
	allows    []allow
}

// isolations lists, for the pods of a node, the directions in which a policy selects them.
func (w *world) isolations(node string) []isolation {
	var found []isolation
	for _, pod := range w.pods {
		if pod.Spec.NodeName != node {
			continue
		}
		for _, direction := range []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress} {
			isolated := false
			var allows []allow
			for _, policy := range w.policies {
				if policy.Namespace != pod.Namespace || !matches(&policy.Spec.PodSelector, pod.Labels) {
					continue
				}
				if !slices.Contains(directions(policy), direction) {
					continue
				}
				isolated = true
				allows = append(allows, w.allows(policy, pod, direction)...)
			}
			if isolated {
				found = append(found, isolation{pod, direction, unique(allows)})
			}
		}
	}
	return found
}

// directions are the policy's types, or what the API server would have set: ingress, and egress if it has such rules.
func directions(policy *networking.NetworkPolicy) []networking.PolicyType {
	if len(policy.Spec.PolicyTypes) > 0 {
		return policy.Spec.PolicyTypes
	}
	if len(policy.Spec.Egress) > 0 {
		return []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress}
	}
	return []networking.PolicyType{networking.PolicyTypeIngress}
}

func (w *world) allows(policy *networking.NetworkPolicy, pod *core.Pod, direction networking.PolicyType) []allow {
	var found []allow
	if direction == networking.PolicyTypeIngress {
		for _, rule := range policy.Spec.Ingress {
			// A named port of an ingress rule is looked up in the guarded pod, whoever the peer is.
			ranges, named := split(rule.Ports)
			ranges = append(ranges, lookUp(named, pod)...)
			for _, peer := range w.peers(policy.Namespace, rule.From) {
				found = append(found, cross(peer.addresses, ranges)...)
			}
		}
		return found
	}
	for _, rule := range policy.Spec.Egress {
		// A named port of an egress rule is looked up in each peer; a block of addresses has no names.
		ranges, named := split(rule.Ports)
		if len(named) == 0 {
			for _, peer := range w.peers(policy.Namespace, rule.To) {
				found = append(found, cross(peer.addresses, ranges)...)
			}
			continue
		}
		for _, peer := range w.peers(policy.Namespace, rule.To) {
			candidates := []*core.Pod{peer.pod}
			if peer.anyone {
				candidates = w.pods
			} else if peer.pod == nil {
				candidates = nil
			}
			found = append(found, cross(peer.addresses, ranges)...)
			for _, candidate := range candidates {
				found = append(found, cross([]string{candidate.Status.PodIP}, lookUp(named, candidate))...)
			}
		}
	}
	return found
}

// peer is a pod, a block of addresses, or anyone at all.
type peer struct {
	pod       *core.Pod
	addresses []string
	anyone    bool
}

// peers lists who a rule speaks of. No list means anyone.
func (w *world) peers(namespace string, given []networking.NetworkPolicyPeer) []peer {
	if len(given) == 0 {
		return []peer{{addresses: []string{""}, anyone: true}}
	}
	var found []peer
	for _, one := range given {
		if one.IPBlock != nil {
			found = append(found, peer{addresses: subtract(one.IPBlock.CIDR, one.IPBlock.Except)})
			continue
		}
		for _, pod := range w.pods {
			if one.NamespaceSelector == nil && pod.Namespace != namespace {
				continue
			}
			if one.NamespaceSelector != nil && !matches(one.NamespaceSelector, w.namespaces[pod.Namespace]) {
				continue
			}
			if one.PodSelector != nil && !matches(one.PodSelector, pod.Labels) {
				continue
			}
			found = append(found, peer{pod: pod, addresses: []string{pod.Status.PodIP}})
		}
	}
	return found
}

// matches treats an empty selector as everything; one that cannot be read matches nothing.
func matches(selector *meta.LabelSelector, given labels.Set) bool {
	parsed, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(given)
}

// portName is a port that a policy knows by name.
type portName struct{ name, protocol string }

// split turns a rule's ports into ranges, and those that are names. No ports means all; ports that are all names
// mean no range.
func split(given []networking.NetworkPolicyPort) (ranges []allow, named []portName) {
	if len(given) == 0 {
		return []allow{{}}, nil
	}
	for _, port := range given {
		protocol := "tcp"
		if port.Protocol != nil {
			protocol = strings.ToLower(string(*port.Protocol))
		}
		switch {
		case port.Port == nil:
			ranges = append(ranges, allow{protocol: protocol, first: 0, last: 65535})
		case port.Port.Type == intstr.String:
			named = append(named, portName{port.Port.StrVal, protocol})
		case port.EndPort != nil:
			ranges = append(ranges, allow{protocol: protocol, first: port.Port.IntVal, last: *port.EndPort})
		default:
			ranges = append(ranges, allow{protocol: protocol, first: port.Port.IntVal, last: port.Port.IntVal})
		}
	}
	return ranges, named
}

// lookUp finds named ports in a pod: name and protocol must be the container's, those of sidecars included.
func lookUp(named []portName, pod *core.Pod) []allow {
	var found []allow
	containers := slices.Clone(pod.Spec.Containers)
	for _, container := range pod.Spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == core.ContainerRestartPolicyAlways {
			containers = append(containers, container)
		}
	}
	for _, container := range containers {
		for _, port := range container.Ports {
			protocol := strings.ToLower(string(port.Protocol))
			if protocol == "" {
				protocol = "tcp"
			}
			if slices.Contains(named, portName{port.Name, protocol}) {
				found = append(found, allow{protocol: protocol, first: port.ContainerPort, last: port.ContainerPort})
			}
		}
	}
	return found
}

func cross(addresses []string, ranges []allow) []allow {
	var found []allow
	for _, address := range addresses {
		for _, one := range ranges {
			one.peer = address
			found = append(found, one)
		}
	}
	return found
}

func unique(given []allow) []allow {
	seen := map[allow]bool{}
	return slices.DeleteFunc(given, func(one allow) bool {
		known := seen[one]
		seen[one] = true
		return known
	})
}

// subtract lists the prefixes that make up a block without its exceptions: a prefix that holds an exception is
// halved until it does not. Blocks that are not IPv4 come to nothing.
func subtract(block string, exceptions []string) []string {
	whole, err := netip.ParsePrefix(block)
	if err != nil || !whole.Addr().Is4() {
		return nil
	}
	var holes []netip.Prefix
	for _, exception := range exceptions {
		if hole, err := netip.ParsePrefix(exception); err == nil {
			holes = append(holes, hole.Masked())
		}
	}
	return without(whole.Masked(), holes)
}

func without(prefix netip.Prefix, holes []netip.Prefix) []string {
	touched := false
	for _, hole := range holes {
		if hole.Bits() <= prefix.Bits() && hole.Contains(prefix.Addr()) {
			return nil
		}
		touched = touched || prefix.Overlaps(hole)
	}
	if !touched {
		if prefix.Bits() == 0 { // iptables takes no 0.0.0.0/0
			return []string{""}
		}
		return []string{prefix.String()}
	}
	low := netip.PrefixFrom(prefix.Addr(), prefix.Bits()+1)
	octets := prefix.Addr().As4()
	octets[prefix.Bits()/8] |= 0x80 >> (prefix.Bits() % 8)
	high := netip.PrefixFrom(netip.AddrFrom4(octets), prefix.Bits()+1)
	return append(without(low, holes), without(high, holes)...)
}
