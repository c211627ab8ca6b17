// Command hyper is every program of a Kubernetes control plane and node in one binary:
// building them together takes minutes, building them apart takes many times that.
//
//	hyper kube-apiserver --flag ...
//
// A link to it named kubectl is kubectl.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs run with os.Args[0] set to their own name and end the process.
var programs = map[string]func(){
	"etcd": func() { etcdmain.Main(os.Args) },
	"kubectl": func() {
		// kubectl's own main: its errors are printed by its own rules, with its own exit codes.
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	},
	"kube-apiserver":          func() { serve(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() { serve(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() { serve(scheduler.NewSchedulerCommand()) },
	"kube-proxy":              func() { serve(kubeproxy.NewProxyCommand()) },
	"kubelet":                 func() { serve(kubelet.NewKubeletCommand(context.Background())) },
}

func serve(command *cobra.Command) { os.Exit(cli.Run(command)) }

func main() {
	if run, linked := programs[filepath.Base(os.Args[0])]; linked {
		run()
		return
	}
	if len(os.Args) > 1 {
		if run, known := programs[os.Args[1]]; known {
			os.Args = os.Args[1:]
			run()
			return
		}
	}
	names := []string{}
	for name := range programs {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "usage: hyper %s [FLAG]...\n", strings.Join(names, "|"))
	os.Exit(2)
}
