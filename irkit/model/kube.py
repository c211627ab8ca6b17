"""The Kubernetes resources that irkit knows, and its own keys on objects.

Source: Kubernetes API reference, v1.36; label syntax from "Labels and Selectors".
"""

from __future__ import annotations

from irkit.model.effects import Resource

PODS = Resource(group="", version="v1", plural="pods", kind="Pod")
NODES = Resource(group="", version="v1", plural="nodes", kind="Node", namespaced=False)
NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
SERVICES = Resource(group="", version="v1", plural="services", kind="Service")
SERVICE_ACCOUNTS = Resource(group="", version="v1", plural="serviceaccounts", kind="ServiceAccount")
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
RESOURCE_QUOTAS = Resource(group="", version="v1", plural="resourcequotas", kind="ResourceQuota")
CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
EVENTS = Resource(group="", version="v1", plural="events", kind="Event")
ENDPOINT_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices", kind="EndpointSlice")
REPLICA_SETS = Resource(group="apps", version="v1", plural="replicasets", kind="ReplicaSet")
DEPLOYMENTS = Resource(group="apps", version="v1", plural="deployments", kind="Deployment")
STATEFUL_SETS = Resource(group="apps", version="v1", plural="statefulsets", kind="StatefulSet")
DAEMON_SETS = Resource(group="apps", version="v1", plural="daemonsets", kind="DaemonSet")
JOBS = Resource(group="batch", version="v1", plural="jobs", kind="Job")
CRON_JOBS = Resource(group="batch", version="v1", plural="cronjobs", kind="CronJob")
HPAS = Resource(group="autoscaling", version="v1", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler")
NETWORK_POLICIES = Resource(group="networking.k8s.io", version="v1", plural="networkpolicies", kind="NetworkPolicy")
PDBS = Resource(group="policy", version="v1", plural="poddisruptionbudgets", kind="PodDisruptionBudget")
ROLE_BINDINGS = Resource(group="rbac.authorization.k8s.io", version="v1", plural="rolebindings", kind="RoleBinding")
CLUSTER_ROLE_BINDINGS = Resource(
    group="rbac.authorization.k8s.io",
    version="v1",
    plural="clusterrolebindings",
    kind="ClusterRoleBinding",
    namespaced=False,
)
ROLES = Resource(group="rbac.authorization.k8s.io", version="v1", plural="roles", kind="Role")
CLUSTER_ROLES = Resource(
    group="rbac.authorization.k8s.io", version="v1", plural="clusterroles", kind="ClusterRole", namespaced=False
)
ADMISSION_POLICIES = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    plural="validatingadmissionpolicies",
    kind="ValidatingAdmissionPolicy",
    namespaced=False,
)
ADMISSION_POLICY_BINDINGS = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    plural="validatingadmissionpolicybindings",
    kind="ValidatingAdmissionPolicyBinding",
    namespaced=False,
)

CUSTOM_RESOURCE_DEFINITIONS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    namespaced=False,
)
POLICY_ENDPOINTS = Resource(
    group="networking.k8s.aws", version="v1alpha1", plural="policyendpoints", kind="PolicyEndpoint"
)
CLUSTER_NETWORK_POLICIES = Resource(
    group="networking.k8s.aws",
    version="v1alpha1",
    plural="clusternetworkpolicies",
    kind="ClusterNetworkPolicy",
    namespaced=False,
)
CALICO_POLICIES = Resource(
    group="projectcalico.org",
    version="v3",
    plural="globalnetworkpolicies",
    kind="GlobalNetworkPolicy",
    namespaced=False,
)
CALICO_STORED_POLICIES = CALICO_POLICIES.model_copy(update={"group": "crd.projectcalico.org", "version": "v1"})
CILIUM_POLICIES = Resource(group="cilium.io", version="v2", plural="ciliumnetworkpolicies", kind="CiliumNetworkPolicy")
CILIUM_CLUSTER_POLICIES = Resource(
    group="cilium.io",
    version="v2",
    plural="ciliumclusterwidenetworkpolicies",
    kind="CiliumClusterwideNetworkPolicy",
    namespaced=False,
)
EXTENSIONS: tuple[Resource, ...] = (
    CUSTOM_RESOURCE_DEFINITIONS, POLICY_ENDPOINTS, CLUSTER_NETWORK_POLICIES, CALICO_POLICIES, CALICO_STORED_POLICIES,
    CILIUM_POLICIES, CILIUM_CLUSTER_POLICIES,
)  # fmt: skip
"""Resources that a cluster may lack: its network engine brings them, or an identity may not see them."""

RESOURCES: tuple[Resource, ...] = (
    PODS, NODES, NAMESPACES, SERVICES, SERVICE_ACCOUNTS, SECRETS, CONFIG_MAPS, EVENTS, REPLICA_SETS, DEPLOYMENTS,
    STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS, NETWORK_POLICIES, PDBS, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS,
    ENDPOINT_SLICES,
    RESOURCE_QUOTAS, ROLES, CLUSTER_ROLES, ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS, HPAS,
)  # fmt: skip
CONTROLLERS: dict[str, Resource] = {
    resource.kind: resource for resource in (REPLICA_SETS, DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS)
}
"""Owner kinds that irkit can follow, by kind."""

DOMAIN = "irkit.dev"
CASE_LABEL = f"{DOMAIN}/case"
"""On everything that a case marks; its value is the case id. The isolation policy selects it."""
HELD_LABELS = f"held.{DOMAIN}"
"""Prefix of the labels on what several cases may share, such as a node: one of each case that is not the first."""
MARK_LABEL = f"{DOMAIN}/mark"
"""On objects that irkit creates: the short mark, by which any rerun recognises its own work."""
ORIGINALS_ANNOTATION = f"{DOMAIN}/originals"
"""On objects that irkit changes: JSON of the first values, a second copy of what the journal holds."""
FIELD_MANAGER = "irkit"
"""By which the API server notes what irkit wrote (managedFields)."""


def pointer(*path: str) -> str:
    """A JSON Pointer (RFC 6901 §3: `~` is ~0, `/` is ~1)."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
