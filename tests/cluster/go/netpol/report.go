package main

import (
	"bytes"
	"encoding/json"
	"os"
)

// reporter says which objects the rules in force are made from, so that a test knows when to look: that a policy
// changes nothing is seen at once, whether or not it was applied yet.
type reporter struct {
	path string
	last []byte
}

// report writes {"KIND/NAMESPACE/NAME": "resourceVersion"} to the file, if that is news. Readers never see half of it.
func (r *reporter) report(world *world) error {
	if r.path == "" {
		return nil
	}
	versions := map[string]string{}
	for name, version := range world.namespaceVersions {
		versions["Namespace//"+name] = version
	}
	for _, pod := range world.pods {
		versions["Pod/"+pod.Namespace+"/"+pod.Name] = pod.ResourceVersion
	}
	for _, policy := range world.policies {
		versions["NetworkPolicy/"+policy.Namespace+"/"+policy.Name] = policy.ResourceVersion
	}
	text, err := json.Marshal(versions)
	if err != nil || bytes.Equal(text, r.last) {
		return err
	}
	if err := os.WriteFile(r.path+".new", text, 0o600); err != nil {
		return err
	}
	r.last = text
	return os.Rename(r.path+".new", r.path)
}
