import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Reading JAX-RS annotations: which methods answer or lead on, below which path, with what parameters. */
final class Resources {

    private Resources() {
    }

    static List<Method> methodsOf(Class<?> type) {
        Map<String, Method> found = new LinkedHashMap<>();
        for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
            for (Method method : at.getDeclaredMethods()) {
                if (!method.isBridge() && !method.isSynthetic() && !Modifier.isStatic(method.getModifiers()) && Modifier.isPublic(method.getModifiers())) {
                    found.putIfAbsent(signature(method), method);
                }
            }
        }
        for (Method method : type.getMethods()) {
            if (method.isDefault() && !method.isBridge()) {
                found.putIfAbsent(signature(method), method);
            }
        }
        List<Method> sorted = new ArrayList<>(found.values());
        sorted.sort((one, other) -> signature(one).compareTo(signature(other)));
        return sorted;
    }

    private static String signature(Method method) {
        return method.getName() + Arrays.toString(method.getParameterTypes());
    }

    /** The method itself, or the one that it overrides or implements, that carries the JAX-RS annotations; null for plain methods. */
    static Method annotatedVersionOf(Method method) {
        if (isResource(method)) {
            return method;
        }
        for (Class<?> parent : parentsOf(method.getDeclaringClass())) {
            for (Method candidate : parent.getDeclaredMethods()) {
                if (candidate.getName().equals(method.getName()) && !candidate.isBridge() && isResource(candidate)
                        && overridable(candidate, method)) {
                    return candidate;
                }
            }
        }
        return null;
    }

    private static boolean overridable(Method candidate, Method method) {
        Class<?>[] wide = candidate.getParameterTypes();
        Class<?>[] narrow = method.getParameterTypes();
        if (wide.length != narrow.length) {
            return false;
        }
        for (int at = 0; at < wide.length; at++) {
            if (!wide[at].isAssignableFrom(narrow[at])) {
                return false;
            }
        }
        return true;
    }

    static Set<Class<?>> parentsOf(Class<?> type) {
        Set<Class<?>> found = new LinkedHashSet<>();
        for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
            found.add(at);
            addInterfaces(at, found);
        }
        found.remove(type);
        return found;
    }

    private static void addInterfaces(Class<?> type, Set<Class<?>> found) {
        for (Class<?> face : type.getInterfaces()) {
            found.add(face);
            addInterfaces(face, found);
        }
    }

    private static boolean isResource(Method method) {
        return method.isAnnotationPresent(jakarta.ws.rs.Path.class) || verbOf(method) != null;
    }

    static String verbOf(Method method) {
        for (Annotation annotation : method.getAnnotations()) {
            jakarta.ws.rs.HttpMethod verb = annotation.annotationType().getAnnotation(jakarta.ws.rs.HttpMethod.class);
            if (verb != null) {
                return verb.value();
            }
        }
        return null;
    }

    /** The class-level path, its own or inherited; null for classes that are no root resources. */
    static String pathOf(Class<?> type) {
        if (type.isAnnotationPresent(jakarta.ws.rs.Path.class)) {
            return join("", type.getAnnotation(jakarta.ws.rs.Path.class));
        }
        return parentsOf(type).stream().filter(parent -> parent.isAnnotationPresent(jakarta.ws.rs.Path.class))
                .map(parent -> join("", parent.getAnnotation(jakarta.ws.rs.Path.class))).findFirst().orElse(null);
    }

    static String join(String path, jakarta.ws.rs.Path more) {
        String tail = more == null ? "" : more.value().replaceAll("^/+|/+$", "");
        return tail.isEmpty() ? path : path + "/" + tail;
    }

    static List<String> media(Method annotated, Class<?> type, Class<? extends Annotation> kind) {
        List<AnnotatedElement> places = new ArrayList<>(List.of(annotated, type));
        places.addAll(parentsOf(type));
        for (AnnotatedElement place : places) {
            Annotation found = place.getAnnotation(kind);
            if (found instanceof jakarta.ws.rs.Consumes consumes) {
                return splitMedia(consumes.value());
            }
            if (found instanceof jakarta.ws.rs.Produces produces) {
                return splitMedia(produces.value());
            }
        }
        return List.of();
    }

    private static List<String> splitMedia(String[] values) {
        Set<String> found = new TreeSet<>();
        for (String value : values) {
            Arrays.stream(value.split(",")).map(String::strip).forEach(found::add);
        }
        return new ArrayList<>(found);
    }

    static void parameters(Method method, Map<String, String> query, Map<String, String> form, List<String> bodies) {
        for (Parameter parameter : method.getParameters()) {
            String type = nameOf(parameter.getParameterizedType());
            // The server takes a class with annotated fields as a bean of parameters, also without @BeanParam.
            boolean isBean = false;
            for (Field field : parameter.getType().getDeclaredFields()) {
                isBean |= sorted(field, nameOf(field.getGenericType()), query, form);
            }
            if (!isBean && !sorted(parameter, type, query, form) && !isBound(parameter)) {
                bodies.add(type);
            }
        }
    }

    private static boolean sorted(AnnotatedElement place, String type, Map<String, String> query, Map<String, String> form) {
        jakarta.ws.rs.QueryParam inQuery = place.getAnnotation(jakarta.ws.rs.QueryParam.class);
        jakarta.ws.rs.FormParam inForm = place.getAnnotation(jakarta.ws.rs.FormParam.class);
        jakarta.ws.rs.DefaultValue otherwise = place.getAnnotation(jakarta.ws.rs.DefaultValue.class);
        String shown = otherwise == null ? type : type + " = " + otherwise.value();
        if (inQuery != null) {
            query.put(inQuery.value(), shown);
        }
        if (inForm != null) {
            form.put(inForm.value(), shown);
        }
        return inQuery != null || inForm != null;
    }

    private static boolean isBound(Parameter parameter) {
        return Arrays.stream(parameter.getAnnotations()).map(annotation -> annotation.annotationType().getName())
                .anyMatch(name -> name.startsWith("jakarta.ws.rs.") || name.startsWith("org.jboss.resteasy.reactive."));
    }

    static String nameOf(Type type) {
        if (type instanceof ParameterizedType generic) {
            List<String> inner = Arrays.stream(generic.getActualTypeArguments()).map(Resources::nameOf).toList();
            return nameOf(generic.getRawType()) + "<" + String.join(", ", inner) + ">";
        }
        return type.getTypeName().replace("java.lang.", "").replace("java.util.", "").replace("java.io.", "");
    }
}
