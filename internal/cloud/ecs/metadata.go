package ecs

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// MetadataPath is where the host serves MetadataHandler, below the cloud's endpoint.
const MetadataPath = "/_slipway/metadata"

// metadataV4 is where the handler has version 4 of the endpoint; a container's token follows.
const metadataV4 = "/v4/"

// metadataTokens are what a task is found by.
func metadataTokens(t *Task) (tokens []string) {
	for _, x := range t.Containers {
		if x.Token != "" && t.Last != "STOPPED" {
			tokens = append(tokens, x.Token)
		}
	}
	return tokens
}

// MetadataHandler serves the task metadata endpoint: /v4/TOKEN, the container that has the token,
// and /v4/TOKEN/task, its task; with MetadataPath before it or stripped. Stats are not served: 404.
//
// Source: ECS task metadata endpoint version 4, the members its examples for Fargate show.
func (s *Service) MetadataHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, v4 := strings.CutPrefix(strings.TrimPrefix(r.URL.Path, MetadataPath), metadataV4)
		token, what, _ := strings.Cut(path, "/")
		if !v4 {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		var answer any
		err := s.o.Store.View(func(tx *store.Tx) error {
			for t := range s.tasks.By(tx, "metadata", token) {
				d, _ := s.definition(tx, t.Definition)
				switch what {
				case "":
					for i := range t.Containers {
						if t.Containers[i].Token == token {
							answer = s.containerMetadata(&t, d, &t.Containers[i])
						}
					}
				case "task", "taskWithTags":
					answer = s.taskMetadata(&t, d, what == "taskWithTags")
				}
			}
			return nil
		})
		if err != nil || answer == nil {
			http.Error(w, "unable to find metadata: "+r.URL.Path, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			s.o.Log.Debug("metadata not sent", "err", err) // the asker went away
		}
	})
}

type metadataNetwork struct {
	NetworkMode         string
	IPv4Addresses       []string
	AttachmentIndex     int    `json:",omitempty"`
	MACAddress          string `json:",omitempty"`
	PrivateDNSName      string `json:",omitempty"`
	SubnetGatewayIPAddr string `json:"SubnetGatewayIpv4Address,omitempty"`
}

type metadataContainer struct {
	DockerID, Name, DockerName string
	Image, ImageID             string
	Labels                     map[string]string
	DesiredStatus, KnownStatus string
	ExitCode                   *int `json:",omitempty"`
	Limits                     metadataLimits
	CreatedAt                  string `json:",omitempty"`
	StartedAt                  string `json:",omitempty"`
	FinishedAt                 string `json:",omitempty"`
	Type                       string
	LogDriver                  string            `json:",omitempty"`
	LogOptions                 map[string]string `json:",omitempty"`
	ContainerARN               string
	Health                     *metadataHealth `json:",omitempty"`
	Networks                   []metadataNetwork
	Snapshotter                string `json:",omitempty"`
}

type metadataHealth struct {
	Status      string `json:"status"`
	StatusSince string `json:"statusSince,omitempty"`
}

type metadataLimits struct {
	CPU    float64 `json:",omitempty"`
	Memory int     `json:",omitempty"`
}

type metadataTask struct {
	Cluster, TaskARN, Family, Revision string
	ServiceName                        string `json:",omitempty"`
	DesiredStatus, KnownStatus         string
	Limits                             metadataLimits
	PullStartedAt                      string `json:",omitempty"`
	PullStoppedAt                      string `json:",omitempty"`
	AvailabilityZone                   string `json:",omitempty"`
	LaunchType                         string
	Containers                         []metadataContainer
	TaskTags                           map[string]string `json:",omitempty"`
	VPCID                              string            `json:",omitempty"`
}

func (s *Service) stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return s.wallTime(at).UTC().Format(time.RFC3339Nano)
}

func (s *Service) containerMetadata(t *Task, d *types.TaskDefinition, x *Container) metadataContainer {
	def := definitionOf(d, x.Name)
	family, _, revision := names.TaskDefinitionRef(t.Definition)
	m := metadataContainer{
		DockerID: x.RuntimeID, Name: x.Name, DockerName: "ecs-" + family + "-" + revision + "-" + x.Name, Image: x.Image, ImageID: x.Digest,
		Labels: map[string]string{
			"com.amazonaws.ecs.cluster": t.Cluster, "com.amazonaws.ecs.container-name": x.Name, "com.amazonaws.ecs.task-arn": t.ARN,
			"com.amazonaws.ecs.task-definition-family": family, "com.amazonaws.ecs.task-definition-version": revision,
		},
		DesiredStatus: t.Desired, KnownStatus: x.Last, ExitCode: x.Exit, Type: "NORMAL", ContainerARN: x.ARN,
		Limits:    metadataLimits{CPU: float64(def.Cpu), Memory: int(*or(def.Memory, 0))},
		CreatedAt: s.stamp(t.Created), StartedAt: s.stamp(x.Started), FinishedAt: s.stamp(x.Ended),
		Networks: []metadataNetwork{{NetworkMode: mode(d), IPv4Addresses: []string{t.Place.Address}}},
	}
	if l := def.LogConfiguration; l != nil {
		m.LogDriver, m.LogOptions = string(l.LogDriver), map[string]string{}
		for k, v := range l.Options {
			m.LogOptions[k] = v
		}
		if to, ok := logsOf(t, d, x); ok {
			m.LogOptions["awslogs-stream"] = to.stream
		}
	}
	for k, v := range def.DockerLabels {
		m.Labels[k] = v
	}
	if x.Health != "" {
		m.Health = &metadataHealth{Status: x.Health, StatusSince: s.stamp(x.HealthSince)}
	}
	return m
}

func mode(d *types.TaskDefinition) string {
	if d.NetworkMode == "" {
		return "bridge"
	}
	return string(d.NetworkMode)
}

func (s *Service) taskMetadata(t *Task, d *types.TaskDefinition, tags bool) metadataTask {
	family, _, revision := names.TaskDefinitionRef(t.Definition)
	m := metadataTask{
		Cluster: t.Cluster, TaskARN: t.ARN, Family: family, Revision: revision, DesiredStatus: t.Desired, KnownStatus: t.Last,
		PullStartedAt: s.stamp(t.PullStarted), PullStoppedAt: s.stamp(t.PullStopped), AvailabilityZone: t.Zone, LaunchType: t.LaunchType,
		Containers: []metadataContainer{},
	}
	if t.Service != "" {
		m.ServiceName = names.Last(t.Service)
	}
	m.Limits.CPU = float64(runtime.NumCPU())
	if n, ok := cpuUnits(text(d.Cpu)); ok {
		m.Limits.CPU = float64(n) / 1024
	}
	m.Limits.Memory, _ = memoryMiB(text(d.Memory))
	for i := range t.Containers {
		m.Containers = append(m.Containers, s.containerMetadata(t, d, &t.Containers[i]))
	}
	if tags {
		m.TaskTags = map[string]string{}
		for _, g := range t.Tags {
			m.TaskTags[g.Key] = g.Value
		}
	}
	return m
}
