// Command netpol enforces NetworkPolicies for the pods of one node, with iptables.
//
// It exists to judge irkit against, so it shares nothing with irkit's own evaluator, and it can be told to behave as
// each of the network engines seen in the field does:
//
//	--established keep  a connection from before the policy lives on (most engines)
//	--established cut   it is judged again like a new one
//	--refuse reject     what is forbidden gets an answer: reset, or port unreachable
//	--refuse drop       it gets none
//
// Traffic between a node and its own pods is exempt, as everywhere; IPv6 is not looked at.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// guardEvery is how often the place of our jump is looked at: kube-proxy puts its own rules first when it starts, and
// they accept what is established.
const guardEvery = 2 * time.Second

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	node := flag.String("node", "", "the node whose pods are guarded")
	established := flag.String("established", "keep", "keep|cut")
	refuse := flag.String("refuse", "reject", "reject|drop")
	status := flag.String("status", "", "file to write the applied objects' versions to")
	cleanup := flag.Bool("cleanup", false, "take every rule away, and end")
	flag.Parse()
	if *cleanup {
		if err := removeAll(); err != nil {
			log.Fatal(err)
		}
		return
	}
	if (*established != "keep" && *established != "cut") || (*refuse != "reject" && *refuse != "drop") || *node == "" {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	mode := mode{cut: *established == "cut", drop: *refuse == "drop"}
	if err := serve(ctx, *kubeconfig, *node, *status, mode); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, kubeconfig, node, status string, mode mode) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.UserAgent = "irkit-netpol"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	namespaces := factory.Core().V1().Namespaces()
	policies := factory.Networking().V1().NetworkPolicies()

	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default: // one is pending already
		}
	}
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer(), policies.Informer()} {
		handler := cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { wake() },
			UpdateFunc: func(_, _ any) { wake() },
			DeleteFunc: func(any) { wake() },
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			log.Printf("stopped before the first list of %v", kind)
			return nil
		}
	}
	table, err := openTable()
	if err != nil {
		return err
	}
	reporter := &reporter{path: status}
	guard := time.NewTicker(guardEvery)
	defer guard.Stop()
	for {
		began := time.Now()
		world, err := snapshot(pods.Lister().List, namespaces.Lister().List, policies.Lister().List)
		if err != nil {
			return err
		}
		wrote, err := table.apply(world.chains(node, mode))
		if err != nil {
			log.Printf("not applied: %v", err) // and tried again at the next tick
		} else if err := reporter.report(world); err != nil {
			return err
		}
		if wrote {
			log.Printf("applied in %v", time.Since(began).Round(time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return nil // the rules stay: an agent that restarts must not open a hole
		case <-changed:
		case <-guard.C:
			if err := table.guard(); err != nil {
				log.Printf("not guarded: %v", err)
			}
		}
	}
}

type lister[T any] func(labels.Selector) ([]T, error)

func snapshot(
	pods lister[*core.Pod], namespaces lister[*core.Namespace], policies lister[*networking.NetworkPolicy],
) (*world, error) {
	world := &world{namespaces: map[string]labels.Set{}, namespaceVersions: map[string]string{}}
	foundNamespaces, err := namespaces(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, namespace := range foundNamespaces {
		world.namespaces[namespace.Name] = namespace.Labels
		world.namespaceVersions[namespace.Name] = namespace.ResourceVersion
	}
	foundPods, err := pods(labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, pod := range foundPods {
		if onPodNetwork(pod) {
			world.pods = append(world.pods, pod)
		}
	}
	world.policies, err = policies(labels.Everything())
	return world, err
}

// onPodNetwork tells whether a pod has an address of its own that is still its own.
func onPodNetwork(pod *core.Pod) bool {
	ended := pod.Status.Phase == core.PodSucceeded || pod.Status.Phase == core.PodFailed
	return pod.Status.PodIP != "" && !pod.Spec.HostNetwork && !ended
}
