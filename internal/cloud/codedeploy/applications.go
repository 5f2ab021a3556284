package codedeploy

import (
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/slipway-ecs/slipway/internal/names"
	"github.com/slipway-ecs/slipway/internal/store"
)

// nameRule is what names of applications, groups and configurations look like.
//
// Source: codedeploy.md 2.
var nameRule = names.Text{Min: 1, Max: 100, Of: "A-Za-z0-9._+=,@-"}

const (
	// mostBatch is how many names a batch of applications or groups may have. Source: codedeploy.md 16.
	mostBatch = 100
	// mostApplications is how many applications an account may have in a region. Source: codedeploy.md 16.
	mostApplications = 1000
)

// onlyECS refuses the platforms that this cloud does not serve. An application without a platform
// is one of Server.
func onlyECS(platform types.ComputePlatform) error {
	switch platform {
	case types.ComputePlatformEcs:
		return nil
	case types.ComputePlatformServer, types.ComputePlatformLambda, "":
		if platform == "" {
			platform = types.ComputePlatformServer
		}
		return refuse("InvalidComputePlatformException", "The compute platform %s is not supported by this local cloud. Give ECS as computePlatform.", platform)
	}
	return refuse("InvalidComputePlatformException", "The compute platform is invalid: %s", platform)
}

// applicationOf finds an application by name.
//
// Errors: ApplicationNameRequiredException, InvalidApplicationNameException,
// ApplicationDoesNotExistException.
func (s *Service) applicationOf(tx *store.Tx, scope names.Scope, name *string) (Application, error) {
	switch {
	case text(name) == "":
		return Application{}, missingMember("", "applicationName")
	case !nameRule.MatchString(*name):
		return Application{}, refuse("InvalidApplicationNameException", "The application name is invalid: %s", *name)
	}
	for a := range s.applications.By(tx, "name", scoped(scope, *name)) {
		return a, nil
	}
	return Application{}, refuse("ApplicationDoesNotExistException", "No application found for name: %s", *name)
}

func (a *Application) info() types.ApplicationInfo {
	return types.ApplicationInfo{
		ApplicationId: new(a.ID), ApplicationName: new(a.Name), CreateTime: new(a.Created), ComputePlatform: types.ComputePlatformEcs,
	}
}

// CreateApplication makes an application of the platform ECS.
func (s *Service) CreateApplication(ctx context.Context, in *sdk.CreateApplicationInput) (*sdk.CreateApplicationOutput, error) {
	name := text(in.ApplicationName)
	if name == "" {
		return nil, missingMember("", "applicationName")
	}
	if !nameRule.MatchString(name) {
		return nil, refuse("InvalidApplicationNameException", "The application name is invalid: %s", name)
	}
	if err := onlyECS(in.ComputePlatform); err != nil {
		return nil, err
	}
	tags, err := tagsIn(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	a := Application{Scope: scopeOf(ctx), ID: s.o.IDs.UUID(), Name: name, Tags: tags}
	err = s.store.Update(func(tx *store.Tx) error {
		for range s.applications.By(tx, "name", scoped(a.Scope, name)) {
			return refuse("ApplicationAlreadyExistsException", "Application already exists: %s", name)
		}
		n := 0
		for other := range s.applications.All(tx) {
			if other.Scope == a.Scope {
				n++
			}
		}
		if n >= mostApplications {
			return refuse("ApplicationLimitExceededException", "The limit of %d applications was exceeded", mostApplications)
		}
		a.Created = tx.Now()
		s.applications.Put(tx, a)
		return nil
	})
	return &sdk.CreateApplicationOutput{ApplicationId: new(a.ID)}, err
}

// GetApplication describes an application.
func (s *Service) GetApplication(ctx context.Context, in *sdk.GetApplicationInput) (*sdk.GetApplicationOutput, error) {
	out := &sdk.GetApplicationOutput{}
	err := s.store.View(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err == nil {
			out.Application = new(a.info())
		}
		return err
	})
	return out, err
}

// BatchGetApplications describes up to 100 applications; names that are not there are missing
// from the answer (unconfirmed).
func (s *Service) BatchGetApplications(ctx context.Context, in *sdk.BatchGetApplicationsInput) (*sdk.BatchGetApplicationsOutput, error) {
	if len(in.ApplicationNames) > mostBatch {
		return nil, refuse("BatchLimitExceededException", "The maximum number of names or IDs allowed for this request (%d) was exceeded.", mostBatch)
	}
	out := &sdk.BatchGetApplicationsOutput{ApplicationsInfo: []types.ApplicationInfo{}}
	err := s.store.View(func(tx *store.Tx) error {
		for _, name := range in.ApplicationNames {
			a, err := s.applicationOf(tx, scopeOf(ctx), &name)
			switch {
			case err == nil:
				out.ApplicationsInfo = append(out.ApplicationsInfo, a.info())
			case !isCode(err, "ApplicationDoesNotExistException"):
				return err
			}
		}
		return nil
	})
	return out, err
}

// ListApplications gives the names of all applications, in order.
func (s *Service) ListApplications(ctx context.Context, in *sdk.ListApplicationsInput) (*sdk.ListApplicationsOutput, error) {
	out := &sdk.ListApplicationsOutput{}
	err := s.store.View(func(tx *store.Tx) (err error) {
		var all []string
		for a := range s.applications.All(tx) {
			if a.Scope == scopeOf(ctx) {
				all = append(all, a.Name)
			}
		}
		slices.Sort(all)
		out.Applications, out.NextToken, err = paged(all, in.NextToken)
		return err
	})
	return out, err
}

// UpdateApplication renames an application; its id, groups and history stay.
func (s *Service) UpdateApplication(ctx context.Context, in *sdk.UpdateApplicationInput) (*sdk.UpdateApplicationOutput, error) {
	err := s.store.Update(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		if err != nil || text(in.NewApplicationName) == "" || *in.NewApplicationName == a.Name {
			return err
		}
		name := *in.NewApplicationName
		if !nameRule.MatchString(name) {
			return refuse("InvalidApplicationNameException", "The application name is invalid: %s", name)
		}
		for range s.applications.By(tx, "name", scoped(a.Scope, name)) {
			return refuse("ApplicationAlreadyExistsException", "Application already exists: %s", name)
		}
		a.Name = name
		s.applications.Put(tx, a)
		for d := range s.deployments.By(tx, "application", a.ID) {
			d.ApplicationName = name
			s.deployments.Put(tx, d)
		}
		return nil
	})
	return &sdk.UpdateApplicationOutput{}, err
}

// DeleteApplication removes an application with its groups, revisions and history; one that does
// not exist is no error. A deployment under way goes on to its end and can be read (unconfirmed).
func (s *Service) DeleteApplication(ctx context.Context, in *sdk.DeleteApplicationInput) (*sdk.DeleteApplicationOutput, error) {
	err := s.store.Update(func(tx *store.Tx) error {
		a, err := s.applicationOf(tx, scopeOf(ctx), in.ApplicationName)
		switch {
		case isCode(err, "ApplicationDoesNotExistException"):
			return nil
		case err != nil:
			return err
		}
		for g := range s.groups.By(tx, "application", a.ID) {
			s.groups.Delete(tx, g.ID)
		}
		for r := range s.revisions.By(tx, "application", a.ID) {
			s.revisions.Delete(tx, r.Key)
		}
		for d := range s.deployments.By(tx, "application", a.ID) {
			if !d.active() {
				s.deployments.Delete(tx, scoped(d.Scope, d.ID))
			}
		}
		s.applications.Delete(tx, a.ID)
		return nil
	})
	return &sdk.DeleteApplicationOutput{}, err
}
